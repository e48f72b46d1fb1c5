//! Nodes: runs of entries, each in one listpack, as Redis keeps them and as they stand in an RDB file.
//!
//! A node has an ID of its own, that of the first entry it ever had, and begins with a *master entry*. The names of the
//! master entry's fields are those of the first entry; an entry with the same ones does not repeat them.
//!
//! | master entry | entry |
//! |---|---|
//! | how many entries are live | flags: 1 deleted, 2 same fields |
//! | how many are deleted | milliseconds above the node's ID |
//! | how many fields | number above the node's ID |
//! | the names of the fields | unless the fields are the same: how many fields |
//! | 0 | for each field: its name unless they are the same, its value |
//! | | how many elements the entry has, this one left out |
//!
//! A deleted entry is only flagged; the last live one takes the node with it. The number at an entry's end is for whoever
//! comes from behind. Differences wrap: an entry of a later millisecond may have a lower number.

use crate::listpack::{self, Iter, Listpack, ListpackBuf, Position, Value};
use crate::tree::Leaf;

use super::id::StreamId;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
/// Elements of every entry: flags and both parts of the ID.
const FIXED_ELEMENTS: usize = 3;

/// A field and its value, to be stored.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// When a node takes no more entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimits {
    /// The meaning of `stream-node-max-bytes`; 0 is no limit.
    pub bytes: usize,
    /// The meaning of `stream-node-max-entries`, deleted ones included; 0 is no limit.
    pub entries: u64,
}

impl Default for NodeLimits {
    /// Redis's defaults.
    fn default() -> Self {
        Self {
            bytes: 4096,
            entries: 100,
        }
    }
}

/// What is wrong with bytes that should be a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorruptNode {
    /// They are no listpack.
    #[error("a stream node is no listpack: {0}")]
    Listpack(#[from] listpack::Corrupt),
    /// An element is missing, is no number, or has a value that it cannot have.
    #[error("a stream node has no valid entries")]
    Entry,
    /// There are not as many entries, live or deleted, as the node says.
    #[error("a stream node has not as many entries as it says")]
    Count,
    /// An ID does not follow the one before it.
    #[error("the entries of a stream are not in the order of their IDs")]
    Order,
}

/// A node. See the module documentation.
#[derive(Clone, Debug, Default)]
pub struct StreamNode {
    id: StreamId,
    /// As the listpack says.
    live: u32,
    pack: ListpackBuf,
}

impl StreamNode {
    /// The node of a first entry.
    pub(super) fn of(id: StreamId, fields: &[Field<'_>]) -> Self {
        let mut pack = ListpackBuf::new();
        let len = fields.len() as i64;
        for number in [0, 0, len] {
            pack.push_back_int(number);
        }
        fields.iter().for_each(|(name, _)| pack.push_back(name));
        pack.push_back_int(0);
        let mut node = Self { id, live: 0, pack };
        node.push(id, fields);
        node
    }

    /// A node of bytes from outside, and the ID of its last entry.
    ///
    /// # Errors
    /// [`CorruptNode`], with the first thing that is wrong.
    pub(super) fn load(id: StreamId, bytes: Vec<u8>) -> Result<(Self, StreamId), CorruptNode> {
        let pack = ListpackBuf::from_checked(bytes)?;
        let (live, last) = check(id, pack.as_listpack())?;
        Ok((Self { id, live, pack }, last))
    }

    /// The node's ID, which is not above that of any entry.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// The listpack, as it stands in an RDB file.
    pub fn as_bytes(&self) -> &[u8] {
        self.pack.as_bytes()
    }

    /// How many live entries it has.
    pub(super) fn live(&self) -> u64 {
        self.live.into()
    }

    /// Whether Redis would put an entry of `bytes` bytes behind the others.
    pub(super) fn has_room(&self, bytes: usize, limits: NodeLimits) -> bool {
        let most = match limits.bytes {
            0 => listpack::BYTES_MAX,
            limit => limit.min(listpack::BYTES_MAX),
        };
        let entries = || u64::from(self.live) + self.deleted() as u64;
        self.as_bytes().len().saturating_add(bytes) < most
            && (limits.entries == 0 || entries() < limits.entries)
    }

    /// How many entries are flagged as deleted.
    fn deleted(&self) -> i64 {
        integer(self.pack.as_listpack().get(1))
    }

    /// Puts an entry behind the others.
    pub(super) fn push(&mut self, id: StreamId, fields: &[Field<'_>]) {
        let same = self.view().has_fields(fields);
        let pack = &mut self.pack;
        pack.push_back_int(if same { SAME_FIELDS } else { 0 });
        pack.push_back_int(id.ms.wrapping_sub(self.id.ms).cast_signed());
        pack.push_back_int(id.seq.wrapping_sub(self.id.seq).cast_signed());
        if !same {
            pack.push_back_int(fields.len() as i64);
        }
        for (name, value) in fields {
            if !same {
                pack.push_back(name);
            }
            pack.push_back(value);
        }
        let elements = match same {
            true => FIXED_ELEMENTS + fields.len(),
            false => FIXED_ELEMENTS + 1 + 2 * fields.len(),
        };
        pack.push_back_int(elements as i64);
        self.count(1, 0);
    }

    /// Adds to the numbers of live and deleted entries.
    fn count(&mut self, live: i64, deleted: i64) {
        let numbers = [i64::from(self.live) + live, self.deleted() + deleted];
        self.live = u32::try_from(numbers[0]).expect("a listpack has fewer entries than bytes");
        for (at, number) in numbers.into_iter().enumerate() {
            let position = self.pack.as_listpack().seek(at);
            self.pack
                .replace_int(position.expect("a node has a master entry"), number);
        }
    }

    /// Where a live entry is.
    pub(super) fn find(&self, id: StreamId) -> Option<Found> {
        let entry = self.entries_from(id).next()?;
        (entry.id == id).then_some(Found {
            at: entry.at,
            flags: entry.flags,
        })
    }

    /// Flags an entry that was found as deleted.
    pub(super) fn delete(&mut self, entry: Found) {
        self.pack.replace_int(entry.at, entry.flags | DELETED);
        self.count(-1, 1);
    }

    /// Flags all entries as deleted that `is_one` holds for, which is asked about live ones only.
    pub(super) fn delete_where(&mut self, mut is_one: impl FnMut(StreamId) -> bool) {
        let found: Vec<_> = self
            .entries_from(StreamId::MIN)
            .filter(|entry| is_one(entry.id))
            .map(|entry| (entry.at, entry.flags))
            .collect();
        // From behind, so that positions hold whatever a number grows.
        for &(at, flags) in found.iter().rev() {
            self.pack.replace_int(at, flags | DELETED);
        }
        self.count(-(found.len() as i64), found.len() as i64);
    }

    /// The ID of the last entry, be it deleted.
    pub(super) fn last_id(&self) -> StreamId {
        let view = self.view();
        let at = view.before(None).expect("a node has an entry");
        view.read(at).id
    }

    /// The live entries with `id` or a larger one.
    pub(super) fn entries_from(&self, id: StreamId) -> NodeEntries<'_> {
        let view = self.view();
        NodeEntries {
            next: view.first,
            from: id,
            view,
        }
    }

    /// The live entries with `id` or a lower one, backwards.
    pub(super) fn entries_back_from(&self, id: StreamId) -> NodeEntriesBack<'_> {
        let view = self.view();
        NodeEntriesBack {
            next: view.before(None),
            from: id,
            view,
        }
    }

    /// Gives back room that no further entry will need.
    pub(super) fn shrink_to_fit(&mut self) {
        self.pack.shrink_to_fit();
    }

    /// Whether there is more room than the node needs.
    pub(super) fn has_spare_room(&self) -> bool {
        self.pack.capacity() > self.as_bytes().len()
    }

    fn view(&self) -> View<'_> {
        View::of(self.id, self.pack.as_listpack())
    }
}

impl Leaf for StreamNode {
    type Bound = StreamId;
    type Summary = ();

    fn len(&self) -> usize {
        self.live as usize
    }

    fn memory_bytes(&self) -> usize {
        self.pack.capacity()
    }

    /// The node's ID, so that it is known which node an entry belongs to, or would.
    fn summary(&self) {}

    fn bound(&self) -> StreamId {
        self.id
    }

    /// Nodes stay what they would be in Redis: it never splits one or puts two together.
    fn split(&mut self) -> Option<Self> {
        None
    }

    fn split_off(&mut self, _at: usize) -> Self {
        unreachable!("streams are cut between nodes only")
    }

    fn is_sparse(&self) -> bool {
        false
    }

    fn has_room_for(&self, _next: &Self) -> bool {
        false
    }

    fn absorb(&mut self, _next: &Self) {
        unreachable!("no node has room for another")
    }
}

/// The integer that `value` is.
fn integer(value: Option<Value<'_>>) -> i64 {
    value
        .and_then(Value::to_integer)
        .expect("a node was made here, or checked")
}

/// A node's listpack with its master entry read.
#[derive(Clone)]
struct View<'a> {
    id: StreamId,
    pack: Listpack<'a>,
    /// The names of the master entry's fields, and what is behind.
    names: Iter<'a>,
    fields: u64,
    /// Where the first entry is.
    first: Option<Position>,
}

impl<'a> View<'a> {
    fn of(id: StreamId, pack: Listpack<'a>) -> Self {
        let mut elements = pack.iter();
        // Live and deleted ones.
        elements.next();
        elements.next();
        let fields = integer(elements.next()) as u64;
        let names = elements.clone();
        // The names and the zero.
        (0..=fields).for_each(|_| {
            elements.next();
        });
        Self {
            id,
            pack,
            names,
            fields,
            first: elements.position(),
        }
    }

    /// Whether the master entry has the names of `fields`.
    fn has_fields(&self, fields: &[Field<'_>]) -> bool {
        let mut names = self.names.clone().zip(fields);
        self.fields == fields.len() as u64 && names.all(|(name, field)| name.equals(field.0))
    }

    fn read(&self, at: Position) -> NodeEntry<'a> {
        let mut elements = self.pack.iter_from(at);
        let flags = integer(elements.next());
        let mut above = |base: u64| base.wrapping_add(integer(elements.next()).cast_unsigned());
        let id = StreamId::new(above(self.id.ms), above(self.id.seq));
        let same = flags & SAME_FIELDS != 0;
        let left = match same {
            true => self.fields,
            false => integer(elements.next()) as u64,
        };
        NodeEntry {
            id,
            at,
            flags,
            fields: Fields {
                names: same.then(|| self.names.clone()),
                elements,
                left,
            },
        }
    }

    /// Where the entry behind `entry` is.
    fn behind(&self, entry: &NodeEntry<'a>) -> Option<Position> {
        let fields = &entry.fields;
        let each = if fields.names.is_some() { 1 } else { 2 };
        let mut elements = fields.elements.clone();
        // What there is of the fields, and how many elements the entry has.
        for _ in 0..=fields.left * each {
            elements.next();
        }
        elements.position()
    }

    /// Where the entry before the one at `end` is, or the last one.
    fn before(&self, end: Option<Position>) -> Option<Position> {
        let mut at = match end {
            Some(end) => self.pack.prev(end)?,
            None => self.pack.last()?,
        };
        let elements = integer(Some(self.pack.value_at(at)));
        // Of the master entry it is 0.
        if elements == 0 {
            return None;
        }
        for _ in 0..elements {
            at = self.pack.prev(at)?;
        }
        Some(at)
    }
}

/// Where a live entry is in its node, until the node changes.
#[derive(Clone, Copy)]
pub(super) struct Found {
    at: Position,
    flags: i64,
}

/// An entry in its node.
pub(super) struct NodeEntry<'a> {
    pub(super) id: StreamId,
    pub(super) fields: Fields<'a>,
    at: Position,
    flags: i64,
}

impl NodeEntry<'_> {
    fn is_live(&self) -> bool {
        self.flags & DELETED == 0
    }
}

/// The fields of an entry, with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// Those of the master entry, unless the names stand among the values.
    names: Option<Iter<'a>>,
    elements: Iter<'a>,
    left: u64,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next()?,
            None => self.elements.next()?,
        };
        Some((name, self.elements.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// Live entries. See [`StreamNode::entries_from`].
pub(super) struct NodeEntries<'a> {
    view: View<'a>,
    next: Option<Position>,
    from: StreamId,
}

impl<'a> Iterator for NodeEntries<'a> {
    type Item = NodeEntry<'a>;

    fn next(&mut self) -> Option<NodeEntry<'a>> {
        loop {
            let entry = self.view.read(self.next?);
            self.next = self.view.behind(&entry);
            if entry.is_live() && entry.id >= self.from {
                return Some(entry);
            }
        }
    }
}

/// Live entries, backwards. See [`StreamNode::entries_back_from`].
pub(super) struct NodeEntriesBack<'a> {
    view: View<'a>,
    next: Option<Position>,
    from: StreamId,
}

impl<'a> Iterator for NodeEntriesBack<'a> {
    type Item = NodeEntry<'a>;

    fn next(&mut self) -> Option<NodeEntry<'a>> {
        loop {
            let at = self.next?;
            self.next = self.view.before(Some(at));
            let entry = self.view.read(at);
            if entry.is_live() && entry.id <= self.from {
                return Some(entry);
            }
        }
    }
}

/// Looks at every element of a node from outside; how many entries are live, and the last ID.
fn check(id: StreamId, pack: Listpack<'_>) -> Result<(u32, StreamId), CorruptNode> {
    let mut elements = pack.iter();
    let number = |elements: &mut Iter<'_>| {
        let number = elements.next().and_then(Value::to_integer);
        number.ok_or(CorruptNode::Entry)
    };
    let skip = |elements: &mut Iter<'_>, count: i64| {
        let mut skipped = (0..count).map(|_| elements.next());
        skipped.all(|element| element.is_some())
    };
    let valid = |is_valid: bool| is_valid.then_some(()).ok_or(CorruptNode::Entry);
    let said = [number(&mut elements)?, number(&mut elements)?];
    let names = number(&mut elements)?;
    valid(names >= 0 && skip(&mut elements, names) && number(&mut elements)? == 0)?;
    let (mut counts, mut last) = ([0i64; 2], None);
    while elements.position().is_some() {
        let flags = number(&mut elements)?;
        valid(flags & !(DELETED | SAME_FIELDS) == 0)?;
        let ms = number(&mut elements)?.cast_unsigned();
        let seq = number(&mut elements)?.cast_unsigned();
        let entry = StreamId::new(id.ms.wrapping_add(ms), id.seq.wrapping_add(seq));
        if entry < id || last.is_some_and(|last| entry <= last) {
            return Err(CorruptNode::Order);
        }
        last = Some(entry);
        let (parts, more) = match flags & SAME_FIELDS {
            0 => {
                let fields = number(&mut elements)?;
                (fields.checked_mul(2).ok_or(CorruptNode::Entry)?, 1)
            }
            _ => (names, 0),
        };
        valid(parts >= 0 && skip(&mut elements, parts))?;
        valid(number(&mut elements)? == FIXED_ELEMENTS as i64 + more + parts)?;
        counts[(flags & DELETED) as usize] += 1;
    }
    if counts != said {
        return Err(CorruptNode::Count);
    }
    let live = u32::try_from(counts[0]).map_err(|_| CorruptNode::Count)?;
    Ok((live, last.ok_or(CorruptNode::Entry)?))
}
