//! How the vectors of collections grow and shrink.

/// Makes room for `more` elements, and as many as come with the allocator's size. Doubling would leave a quarter of all
/// memory unused on average.
pub(crate) fn make_room<T>(vec: &mut Vec<T>, more: usize) {
    let needed = vec.len() + more;
    if needed > vec.capacity() {
        let room = size_class(needed * size_of::<T>()) / size_of::<T>();
        vec.reserve_exact(room - vec.len());
    }
}

/// Gives back room if more than half is unused. A quarter of what is used stays, so that whoever adds and removes in turn
/// allocates once in many times.
pub(crate) fn give_back_room<T>(vec: &mut Vec<T>) {
    if let Some(room) = room_to_keep(vec.len() * size_of::<T>(), vec.capacity() * size_of::<T>()) {
        shrink(vec, room / size_of::<T>());
    }
}

/// Gives back room beyond `capacity` elements and what there are, if that is a smaller size for the allocator. By copying:
/// it would leave a block that is at least half used as it is.
pub(crate) fn shrink<T>(vec: &mut Vec<T>, capacity: usize) {
    let wanted = capacity.max(vec.len());
    let class = |elements: usize| size_class(elements * size_of::<T>());
    if class(wanted) < class(vec.capacity()) {
        let mut smaller = Vec::with_capacity(wanted);
        smaller.append(vec);
        *vec = smaller;
    }
}

/// How many bytes to keep of `allocated` ones, unless that is all.
pub(crate) fn room_to_keep(used: usize, allocated: usize) -> Option<usize> {
    // Less is not worth an allocation.
    const ALLOCATED_MIN: usize = 128;
    (allocated > ALLOCATED_MIN && used < allocated / 2).then(|| size_class(used + used / 4))
}

/// The size that mimalloc takes for `bytes`: it has four between a power of two and the next.
fn size_class(bytes: usize) -> usize {
    const SMALLEST_STEP: usize = 16;
    let power = bytes.saturating_sub(1).max(1).ilog2();
    let step = (1 << power >> 2).max(SMALLEST_STEP);
    bytes.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_comes_in_the_sizes_of_the_allocator() {
        let classes = [
            (1, 16),
            (16, 16),
            (17, 32),
            (128, 128),
            (129, 160),
            (257, 320),
            (512, 512),
            (4_000, 4_096),
            (4_097, 5_120),
        ];
        for (bytes, class) in classes {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
        let mut vec = vec![0u64; 33];
        vec.shrink_to_fit();
        make_room(&mut vec, 1);
        assert_eq!(vec.capacity(), 40);
        make_room(&mut vec, 7);
        assert_eq!(vec.capacity(), 40, "there was room");
    }

    #[test]
    fn room_goes_in_halves_and_not_at_every_step() {
        let mut vec = Vec::with_capacity(1_024);
        vec.resize(512, 0u64);
        give_back_room(&mut vec);
        assert_eq!(vec.capacity(), 1_024);
        vec.pop();
        give_back_room(&mut vec);
        assert_eq!(vec.capacity(), 640);
        let mut moves = 0;
        let mut capacity = 640;
        for round in 0..1_000 {
            for _ in 0..20 {
                make_room(&mut vec, 1);
                vec.push(round);
            }
            for _ in 0..20 {
                vec.pop();
                give_back_room(&mut vec);
            }
            moves += usize::from(vec.capacity() != capacity);
            capacity = vec.capacity();
        }
        assert_eq!(moves, 0);
        vec.clear();
        give_back_room(&mut vec);
        assert!(vec.capacity() < 4, "{}", vec.capacity());
    }
}
