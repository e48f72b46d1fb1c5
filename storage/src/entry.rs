//! Packed entries: one block per key, found through its slot word.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | key length 0–250, or 251–254: that many minus 250 length bytes follow the header |
//! | 1 | 3 | what it remembers of accesses, see [`crate::access`] |
//! | 4 | 0–4 | key length, little endian, if it did not fit |
//! | . | n | key |
//! | . | 8 | expire time in Unix milliseconds, if the slot word says so |
//! | . | – | value: length varint (1, 3 or 5 bytes) and bytes; or [`Packing`] byte, then the same; or 8-byte integer; or 8-byte pointer |
//!
//! The key comes first so that it is found from the block alone: compaction knows no slot word.
//! Blocks are 8-byte aligned, so the first four bytes are also one `AtomicU32`: readers under a shared
//! lock may stamp an entry while others read its key length.
//!
//! This module is `unsafe` because entries are runs of bytes with no Rust type; it pays with 8 to 25
//! bytes per key against boxed parts. Everything here trusts one invariant, upheld by [`crate::shard`]: an
//! [`EntryPtr`] in use was written by [`EntryPtr::write`] with the same `has_ttl` and `kind` that its
//! slot word carries, and has not been freed.

use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::StoreError;
use crate::access::{Access, AccessWord};
use crate::big_string::BigString;
use crate::collection::Collection;
use crate::listpack::Lent;
use crate::prefetch;
use crate::slot_word::{Kind, SlotWord, Word};
use crate::time::UnixMillis;
use crate::typed::{CollectionRef, PackedRef, Packing};
use crate::value::{StringRef, ValueRef, ValueType};

const HEADER_BYTES: usize = 4;
const EXPIRE_BYTES: usize = 8;
const KEY_LENGTH_INLINE_MAX: usize = 250;
const VALUE_LENGTH_INLINE_MAX: usize = 251;
const PACKING_BYTES: usize = 1;

/// A value as it is laid down in an entry.
pub(crate) enum Payload<'v> {
    /// Bytes kept in the entry.
    Raw(&'v [u8]),
    /// Bytes kept in the entry that came about by changing a string in place.
    Grown(&'v [u8]),
    /// An integer.
    Int(i64),
    /// A chunk array, owned by the entry.
    Big(Box<BigString>),
    /// A small collection, kept in the entry.
    Packed(PackedRef<'v>),
    /// The same, with room for so many bytes in all.
    PackedIn(PackedRef<'v>, usize),
    /// A big collection, owned by the entry.
    Collection(Box<Collection>),
}

impl Payload<'_> {
    /// The kind the slot word must carry.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Payload::Raw(_) => Kind::Raw,
            Payload::Grown(_) => Kind::Grown,
            Payload::Int(_) => Kind::Int,
            Payload::Big(_) => Kind::BigString,
            Payload::Packed(_) | Payload::PackedIn(..) => Kind::Packed,
            Payload::Collection(_) => Kind::Collection,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Payload::Raw(value) | Payload::Grown(value) => raw_bytes(value.len()),
            Payload::Packed(packed) => packed_bytes(packed.bytes.len()),
            Payload::PackedIn(_, room) => packed_bytes(*room),
            Payload::Int(_) | Payload::Big(_) | Payload::Collection(_) => 8,
        }
    }

    /// The soonest expire time of an element.
    pub(crate) fn soonest_expiry(&self) -> Option<UnixMillis> {
        match self {
            Payload::Collection(collection) => collection.soonest_expiry(),
            _ => None,
        }
    }

    /// Bytes that the value takes outside the entry's block.
    pub(crate) fn outside_bytes(&self) -> usize {
        match self {
            Payload::Big(big) => big_string_bytes(big),
            Payload::Collection(collection) => collection_bytes(collection),
            _ => 0,
        }
    }
}

/// What a big string takes outside its entry.
pub(crate) fn big_string_bytes(big: &BigString) -> usize {
    size_of::<BigString>() + big.memory_bytes()
}

/// What a big collection takes outside its entry.
pub(crate) fn collection_bytes(collection: &Collection) -> usize {
    size_of::<Collection>() + collection.memory_bytes()
}

/// How many bytes a small collection of `len` bytes takes with its packing and its length.
fn packed_bytes(len: usize) -> usize {
    PACKING_BYTES + raw_bytes(len)
}

/// How many bytes a raw value of `len` bytes takes with its length.
fn raw_bytes(len: usize) -> usize {
    len + length_bytes(len)
}

/// How many bytes the length of a raw value takes, if that is up to `len`.
pub(crate) fn length_bytes(len: usize) -> usize {
    match len {
        0..=VALUE_LENGTH_INLINE_MAX => 1,
        252..=0xffff => 3,
        _ => 5,
    }
}

/// The largest length of so many bytes.
fn length_max(length_bytes: usize) -> usize {
    match length_bytes {
        1 => VALUE_LENGTH_INLINE_MAX,
        3 => 0xffff,
        _ => u32::MAX as usize,
    }
}

/// How many bytes an entry takes.
pub(crate) fn entry_bytes(key_len: usize, has_ttl: bool, payload: &Payload<'_>) -> usize {
    HEADER_BYTES
        + key_length_bytes(key_len)
        + key_len
        + if has_ttl { EXPIRE_BYTES } else { 0 }
        + payload.bytes()
}

fn key_length_bytes(key_len: usize) -> usize {
    match key_len {
        0..=KEY_LENGTH_INLINE_MAX => 0,
        251..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

/// The address of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryPtr(NonNull<u8>);

// SAFETY: an `EntryPtr` is an address; all access goes through methods whose callers hold the lock of
// the shard that owns the block.
unsafe impl Send for EntryPtr {}
// SAFETY: as above.
unsafe impl Sync for EntryPtr {}

impl EntryPtr {
    /// The entry in the block at `block`.
    pub(crate) fn new(block: NonNull<u8>) -> Self {
        Self(block)
    }

    /// The block's first byte.
    pub(crate) fn block(self) -> NonNull<u8> {
        self.0
    }

    /// The address, with its provenance exposed so that [`EntryPtr::from_address`] can pick it up.
    #[inline]
    pub(crate) fn address(self) -> u64 {
        self.0.as_ptr().expose_provenance() as u64
    }

    /// The pointer whose [`EntryPtr::address`] was `address`.
    #[inline]
    pub(crate) fn from_address(address: u64) -> Self {
        let pointer = std::ptr::with_exposed_provenance_mut(address as usize);
        Self(NonNull::new(pointer).expect("slot words hold the address of an entry"))
    }

    /// Writes a whole entry into a block of at least [`entry_bytes`] bytes.
    ///
    /// # Safety
    /// The block is at least that large, 8-byte aligned, and nobody else refers to it.
    pub(crate) unsafe fn write(
        self,
        key: &[u8],
        access: Access,
        expire_at: Option<UnixMillis>,
        payload: Payload<'_>,
    ) {
        let mut at = HEADER_BYTES;
        let extra = key_length_bytes(key.len());
        let length_byte = if extra == 0 {
            key.len() as u8
        } else {
            (KEY_LENGTH_INLINE_MAX + extra) as u8
        };
        // SAFETY: the caller guarantees room and exclusive access; offsets follow `entry_bytes`.
        unsafe {
            self.0
                .cast::<u32>()
                .write(access.with_length_byte(length_byte));
            self.put(&mut at, &(key.len() as u32).to_le_bytes()[..extra]);
            self.put(&mut at, key);
            if let Some(expire_at) = expire_at {
                self.put(&mut at, &expire_at.0.to_le_bytes());
            }
            self.write_payload(at, payload);
        }
    }

    /// # Safety
    /// As [`EntryPtr::write`]; the payload fits at `at`.
    unsafe fn write_payload(self, mut at: usize, payload: Payload<'_>) {
        // SAFETY: the caller guarantees the room.
        unsafe {
            match payload {
                Payload::Raw(value) | Payload::Grown(value) => self.put_raw(&mut at, value),
                Payload::Packed(packed) => {
                    self.put(&mut at, &[packed.packing as u8]);
                    self.put_raw(&mut at, packed.bytes);
                }
                Payload::PackedIn(packed, room) => {
                    self.put(&mut at, &[packed.packing as u8]);
                    self.put_length(&mut at, packed.bytes.len(), length_bytes(room));
                    self.put(&mut at, packed.bytes);
                }
                Payload::Int(value) => self.put(&mut at, &value.to_le_bytes()),
                Payload::Big(value) => {
                    let address = Box::into_raw(value).expose_provenance() as u64;
                    self.put(&mut at, &address.to_le_bytes());
                }
                Payload::Collection(value) => {
                    let address = Box::into_raw(value).expose_provenance() as u64;
                    self.put(&mut at, &address.to_le_bytes());
                }
            }
        }
    }

    /// Lays down a length and as many bytes.
    ///
    /// # Safety
    /// [`raw_bytes`] of them fit into the block at `at`, and nobody else refers to that range.
    #[inline]
    unsafe fn put_raw(self, at: &mut usize, value: &[u8]) {
        // SAFETY: the caller guarantees the room.
        unsafe {
            self.put_length(at, value.len(), length_bytes(value.len()));
            self.put(at, value);
        }
    }

    /// Lays down a length as so many bytes, which may be more than it needs.
    ///
    /// # Safety
    /// They fit into the block at `at`, and nobody else refers to that range.
    #[inline]
    unsafe fn put_length(self, at: &mut usize, len: usize, bytes: usize) {
        debug_assert!(len <= length_max(bytes));
        // SAFETY: the caller guarantees the room.
        unsafe {
            match bytes {
                1 => self.put(at, &[len as u8]),
                3 => {
                    self.put(at, &[252]);
                    self.put(at, &(len as u16).to_le_bytes());
                }
                _ => {
                    self.put(at, &[253]);
                    self.put(at, &(len as u32).to_le_bytes());
                }
            }
        }
    }

    /// # Safety
    /// `bytes` fit into the block at `at`, and nobody else refers to that range.
    #[inline]
    unsafe fn put(self, at: &mut usize, bytes: &[u8]) {
        // SAFETY: the caller guarantees it; the source is a Rust slice and cannot overlap.
        unsafe {
            self.0
                .add(*at)
                .copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len())
        };
        *at += bytes.len();
    }

    #[inline]
    fn header<'a>(self) -> &'a AtomicU32 {
        // SAFETY: entries are 8-byte aligned and live; word 0 is only ever accessed as an atomic once
        // the entry is in the table.
        unsafe { self.0.cast::<AtomicU32>().as_ref() }
    }

    /// # Safety
    /// The entry is live; `at..at + len` lies inside it and is not written while `'a` lasts.
    #[inline]
    unsafe fn bytes<'a>(self, at: usize, len: usize) -> &'a [u8] {
        // SAFETY: the caller guarantees it.
        unsafe { std::slice::from_raw_parts(self.0.add(at).as_ptr(), len) }
    }

    /// Where the key begins and how long it is.
    #[inline]
    fn key_range(self) -> (usize, usize) {
        let length_byte = (self.header().load(Ordering::Relaxed) & 0xff) as usize;
        if length_byte <= KEY_LENGTH_INLINE_MAX {
            (HEADER_BYTES, length_byte)
        } else {
            self.long_key_range(length_byte)
        }
    }

    #[cold]
    fn long_key_range(self, length_byte: usize) -> (usize, usize) {
        let extra = length_byte - KEY_LENGTH_INLINE_MAX;
        let mut length = [0; 4];
        // SAFETY: `write` laid `extra` length bytes after the header.
        length[..extra].copy_from_slice(unsafe { self.bytes(HEADER_BYTES, extra) });
        (HEADER_BYTES + extra, u32::from_le_bytes(length) as usize)
    }

    /// The key.
    ///
    /// # Safety
    /// The entry is live, and stays so while `'a` lasts (the shard's lock, held shared or exclusively).
    #[inline]
    pub(crate) unsafe fn key<'a>(self) -> &'a [u8] {
        let (at, len) = self.key_range();
        // SAFETY: `write` laid the key there; keys are never written again.
        unsafe { self.bytes(at, len) }
    }

    /// # Safety
    /// As [`EntryPtr::key`].
    #[inline]
    unsafe fn after_key(self) -> usize {
        let (at, len) = self.key_range();
        at + len
    }

    /// What it remembers of accesses.
    #[inline]
    pub(crate) fn access<'a>(self) -> AccessWord<'a> {
        AccessWord(self.header())
    }

    /// Starts loading its first bytes.
    #[inline]
    pub(crate) fn prefetch(self) {
        prefetch::read(self.0.as_ptr());
    }
}

/// A live entry with the slot word that describes it.
#[derive(Clone, Copy)]
pub struct EntryView<'a> {
    word: Word,
    entry: EntryPtr,
    lifetime: std::marker::PhantomData<&'a [u8]>,
}

impl<'a> EntryView<'a> {
    /// # Safety
    /// `word` is (or was, for a pre-image) the slot word of a live entry that nobody writes or frees
    /// while `'a` lasts.
    #[inline]
    pub(crate) unsafe fn new(word: Word) -> Self {
        Self {
            word,
            entry: word.entry(),
            lifetime: std::marker::PhantomData,
        }
    }

    /// The slot word.
    pub(crate) fn word(&self) -> Word {
        self.word
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        // SAFETY: `new`'s caller vouched for the entry.
        unsafe { self.entry.key() }
    }

    /// The instant after which the key is gone.
    #[inline]
    pub fn expire_at(&self) -> Option<UnixMillis> {
        if !self.word.has_ttl() {
            return None;
        }
        // SAFETY: `new`'s caller vouched for the entry, and the word says that an expire time follows the key.
        let at = unsafe { self.entry.after_key() };
        Some(UnixMillis(i64::from_le_bytes(self.word_at(at))))
    }

    /// Whether the key is past its expire time: in the millisecond it expires a key still lives.
    #[inline]
    pub(crate) fn is_expired(&self, now: UnixMillis) -> bool {
        self.expire_at().is_some_and(|at| now > at)
    }

    #[inline]
    fn payload_at(&self) -> usize {
        // SAFETY: `new`'s caller vouched for the entry.
        let after_key = unsafe { self.entry.after_key() };
        after_key + if self.word.has_ttl() { EXPIRE_BYTES } else { 0 }
    }

    /// The string value.
    ///
    /// # Errors
    /// `WrongType` if the value is no string.
    #[inline]
    pub fn string(&self) -> Result<StringRef<'a>, StoreError> {
        let at = self.payload_at();
        Ok(match self.word.kind() {
            Kind::Raw | Kind::Grown => {
                let (at, len) = self.raw_range(at);
                // SAFETY: `write_payload` laid `len` bytes there; `new`'s caller vouched for the entry.
                StringRef::Raw(unsafe { self.entry.bytes(at, len) })
            }
            Kind::Int => StringRef::Int(i64::from_le_bytes(self.word_at(at))),
            Kind::BigString => {
                // SAFETY: the entry owns the boxed string whose address it holds, and lives for `'a`.
                StringRef::Big(unsafe { &*self.outside_pointer(at) })
            }
            Kind::Packed | Kind::Collection => return Err(StoreError::WrongType),
        })
    }

    /// The value, if it is no string.
    #[inline]
    pub fn collection(&self) -> Option<CollectionRef<'a>> {
        match self.word.kind() {
            Kind::Packed => Some(CollectionRef::Packed(self.packed())),
            Kind::Collection => {
                // SAFETY: the entry owns the boxed collection whose address it holds, and lives for `'a`.
                let big = unsafe { &*self.outside_pointer(self.payload_at()) };
                Some(CollectionRef::Big(big))
            }
            Kind::Raw | Kind::Grown | Kind::Int | Kind::BigString => None,
        }
    }

    /// The soonest expire time of an element of the value.
    #[inline]
    pub(crate) fn soonest_expiry(&self) -> Option<UnixMillis> {
        if self.word.kind() != Kind::Collection {
            return None;
        }
        // SAFETY: the entry owns the boxed collection whose address it holds, and lives for `'a`.
        unsafe { &*self.outside_pointer::<Collection>(self.payload_at()) }.soonest_expiry()
    }

    /// The value, whatever it is.
    pub fn value(&self) -> ValueRef<'a> {
        match self.collection() {
            Some(collection) => ValueRef::Collection(collection),
            None => ValueRef::String(self.string().expect("what is no collection is a string")),
        }
    }

    /// The value's type.
    pub fn value_type(&self) -> ValueType {
        self.collection()
            .map_or(ValueType::String, |collection| collection.value_type())
    }

    /// The small collection that the slot word says is here.
    #[inline]
    pub(crate) fn packed(&self) -> PackedRef<'a> {
        debug_assert!(self.word.kind() == Kind::Packed);
        let at = self.payload_at();
        let (from, len) = self.raw_range(at + PACKING_BYTES);
        // SAFETY: `write_payload` laid the packing there, then `len` bytes; `new`'s caller vouched for the entry.
        let (packing, bytes) = unsafe { (self.entry.bytes(at, 1)[0], self.entry.bytes(from, len)) };
        PackedRef {
            packing: Packing::of_byte(packing),
            bytes,
        }
    }

    /// The address of what the entry owns outside its block.
    fn outside_pointer<T>(&self, at: usize) -> *mut T {
        std::ptr::with_exposed_provenance_mut(u64::from_le_bytes(self.word_at(at)) as usize)
    }

    fn word_at(&self, at: usize) -> [u8; 8] {
        // SAFETY: expire times, integers and pointers are 8 bytes; `new`'s caller vouched for the entry.
        unsafe { self.entry.bytes(at, 8) }
            .try_into()
            .expect("8 bytes")
    }

    #[inline]
    fn raw_range(&self, at: usize) -> (usize, usize) {
        // SAFETY: a raw payload begins with its length; `new`'s caller vouched for the entry.
        let byte = |i| unsafe { self.entry.bytes(at + i, 1)[0] };
        match byte(0) {
            252 => (at + 3, usize::from(u16::from_le_bytes([byte(1), byte(2)]))),
            253 => (
                at + 5,
                u32::from_le_bytes([byte(1), byte(2), byte(3), byte(4)]) as usize,
            ),
            len => (at + 1, usize::from(len)),
        }
    }

    /// Bytes the value occupies outside the entry's block.
    pub(crate) fn outside_bytes(&self) -> usize {
        match self.value() {
            ValueRef::String(StringRef::Big(big)) => big_string_bytes(big),
            ValueRef::Collection(CollectionRef::Big(collection)) => collection_bytes(collection),
            _ => 0,
        }
    }

    /// Length of the whole entry, for copying it to another block.
    pub(crate) fn entry_len(&self) -> usize {
        let at = self.payload_at();
        match self.word.kind() {
            Kind::Raw | Kind::Grown => {
                let (at, len) = self.raw_range(at);
                at + len
            }
            Kind::Packed => {
                let (at, len) = self.raw_range(at + PACKING_BYTES);
                at + len
            }
            Kind::Int | Kind::BigString | Kind::Collection => at + 8,
        }
    }

    /// How the value is kept, in Redis's words.
    pub fn encoding(&self) -> &'static str {
        /// The longest string that Redis keeps in one block with its header.
        const EMBEDDED_BYTES_MAX: usize = 44;
        match self.value() {
            ValueRef::Collection(collection) => collection.encoding(),
            ValueRef::String(StringRef::Int(_)) => "int",
            ValueRef::String(StringRef::Raw(bytes))
                if self.word.kind() == Kind::Raw && bytes.len() <= EMBEDDED_BYTES_MAX =>
            {
                "embstr"
            }
            ValueRef::String(_) => "raw",
        }
    }

    /// Bytes that the entry takes: key, value, expire time, and the slot in the table.
    pub fn memory_bytes(&self) -> usize {
        self.entry_len() + self.outside_bytes() + size_of::<SlotWord>()
    }
}

/// A live entry under the exclusive lock, to be changed in place.
pub(crate) struct EntryMut<'a>(EntryView<'a>);

impl<'a> EntryMut<'a> {
    /// # Safety
    /// As [`EntryView::new`], and nobody else reads or writes the entry while `'a` lasts.
    pub(crate) unsafe fn new(word: Word) -> Self {
        // SAFETY: the caller's promise is the stronger one.
        Self(unsafe { EntryView::new(word) })
    }

    /// The word that led to it.
    pub(crate) fn word(&self) -> Word {
        self.0.word
    }

    /// Overwrites the expire time of an entry that has one.
    pub(crate) fn set_expire_at(&mut self, expire_at: UnixMillis) {
        debug_assert!(self.0.word.has_ttl());
        // SAFETY: the entry is live and ours alone; the word says that the field is there.
        unsafe {
            let mut at = self.0.entry.after_key();
            self.0.entry.put(&mut at, &expire_at.0.to_le_bytes());
        }
    }

    /// Overwrites the integer of an entry of that kind.
    pub(crate) fn set_int(&mut self, value: i64) {
        debug_assert!(self.0.word.kind() == Kind::Int);
        let mut at = self.0.payload_at();
        // SAFETY: the entry is live and ours alone; an integer payload is 8 bytes.
        unsafe { self.0.entry.put(&mut at, &value.to_le_bytes()) };
    }

    /// The raw value's bytes, to be changed in place.
    pub(crate) fn raw_bytes_mut(&mut self) -> &mut [u8] {
        debug_assert!(self.0.word.kind().is_raw());
        let (at, len) = self.0.raw_range(self.0.payload_at());
        // SAFETY: the entry is live and ours alone; the range is its value.
        unsafe { std::slice::from_raw_parts_mut(self.0.entry.0.add(at).as_ptr(), len) }
    }

    /// Puts `with` in the place of some of the raw value's bytes, which are then `len`, and returns them. The length must
    /// keep its form.
    ///
    /// # Safety
    /// The block is large enough for the value as it is then.
    pub(crate) unsafe fn splice_raw(
        &mut self,
        range: Range<usize>,
        with: &[u8],
        len: usize,
    ) -> &mut [u8] {
        debug_assert!(self.0.word.kind().is_raw());
        let length_at = self.0.payload_at();
        let (at, old_len) = self.0.raw_range(length_at);
        assert!(
            length_bytes(len) == at - length_at,
            "the length keeps its form"
        );
        // SAFETY: the entry is live and ours alone, and the caller vouches for the room.
        let bytes = unsafe {
            let room = old_len.max(len);
            std::slice::from_raw_parts_mut(self.0.entry.0.add(at).as_ptr(), room)
        };
        bytes.copy_within(range.end..old_len, range.start + with.len());
        bytes[range.start..range.start + with.len()].copy_from_slice(with);
        // SAFETY: the length keeps its form, so it takes the place of the old one.
        unsafe {
            self.0
                .entry
                .put_length(&mut { length_at }, len, at - length_at)
        };
        &mut bytes[..len]
    }

    /// How many bytes the small collection may have in this block of `block_bytes` bytes.
    pub(crate) fn packed_room(&self, block_bytes: usize) -> usize {
        let (length_at, at, _) = self.packed_range();
        (block_bytes - at).min(length_max(at - length_at))
    }

    /// Where the length of the small collection stands, where its bytes begin, and how many there are.
    fn packed_range(&self) -> (usize, usize, usize) {
        debug_assert!(self.0.word.kind() == Kind::Packed);
        let length_at = self.0.payload_at() + PACKING_BYTES;
        let (at, len) = self.0.raw_range(length_at);
        (length_at, at, len)
    }

    /// Lets `change` edit the bytes of the small collection, with what room there is behind them, and return how many
    /// there are now.
    ///
    /// # Safety
    /// The block has `block_bytes` bytes.
    pub(crate) unsafe fn edit_packed<R>(
        &mut self,
        block_bytes: usize,
        change: impl FnOnce(Lent<'_>) -> (R, usize),
    ) -> R {
        let (length_at, at, len) = self.packed_range();
        let room = self.packed_room(block_bytes);
        // SAFETY: the entry is live and ours alone, and the caller vouches for the size of its block.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.0.entry.0.add(at).as_ptr(), room) };
        let (result, len) = change(Lent::new(bytes, len));
        assert!(len <= room, "what was lent stays in its room");
        // SAFETY: the length keeps its form, so it takes the place of the old one.
        unsafe {
            self.0
                .entry
                .put_length(&mut { length_at }, len, at - length_at)
        };
        result
    }

    /// Replaces key-preserving what follows the key: the block must be large enough for the new entry.
    ///
    /// # Safety
    /// The block holds at least [`entry_bytes`] of the new value with the same `has_ttl`.
    pub(crate) unsafe fn overwrite_payload(&mut self, payload: Payload<'_>) {
        // SAFETY: the caller vouches for the room; the entry is live and ours alone.
        unsafe { self.0.entry.write_payload(self.0.payload_at(), payload) };
    }

    /// The chunk array of a big string.
    pub(crate) fn big_mut(&mut self) -> &mut BigString {
        debug_assert!(self.0.word.kind() == Kind::BigString);
        // SAFETY: the entry owns the boxed string and is ours alone.
        unsafe { &mut *self.0.outside_pointer(self.0.payload_at()) }
    }

    /// Takes the big string out; the entry must be freed or overwritten next.
    pub(crate) fn take_big(&mut self) -> Box<BigString> {
        debug_assert!(self.0.word.kind() == Kind::BigString);
        // SAFETY: the address came from `Box::into_raw` in `write_payload`, and the entry gives up ownership.
        unsafe { Box::from_raw(self.0.outside_pointer(self.0.payload_at())) }
    }

    /// The big collection, to be changed where it lies.
    pub(crate) fn into_collection_mut(self) -> &'a mut Collection {
        debug_assert!(self.0.word.kind() == Kind::Collection);
        // SAFETY: the entry owns the boxed collection and is ours alone while `'a` lasts.
        unsafe { &mut *self.0.outside_pointer(self.0.payload_at()) }
    }

    /// Takes the big collection out; the entry must be freed or overwritten next.
    pub(crate) fn take_collection(&mut self) -> Box<Collection> {
        debug_assert!(self.0.word.kind() == Kind::Collection);
        // SAFETY: the address came from `Box::into_raw` in `write_payload`, and the entry gives up ownership.
        unsafe { Box::from_raw(self.0.outside_pointer(self.0.payload_at())) }
    }
}
