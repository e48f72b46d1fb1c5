//! How the vectors of leaves grow.

/// Makes room for `more` elements, and as many as come with the allocator's size: it has eight sizes between a power of
/// two and the next. Doubling would leave a quarter of all memory unused on average.
pub(super) fn make_room<T>(vec: &mut Vec<T>, more: usize) {
    let needed = vec.len() + more;
    if needed > vec.capacity() {
        let room = size_class(needed * size_of::<T>()) / size_of::<T>();
        vec.reserve_exact(room - vec.len());
    }
}

/// The size that the allocator takes for `bytes`.
fn size_class(bytes: usize) -> usize {
    const SMALLEST_STEP: usize = 16;
    let power = bytes.max(1).ilog2();
    let step = (1 << power >> 3).max(SMALLEST_STEP);
    bytes.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_comes_in_eighths() {
        let classes = [
            (1, 16),
            (16, 16),
            (17, 32),
            (128, 128),
            (129, 144),
            (257, 288),
            (4_000, 4_096),
            (4_097, 4_608),
        ];
        for (bytes, class) in classes {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
        let mut vec = vec![0u64; 33];
        vec.shrink_to_fit();
        make_room(&mut vec, 1);
        assert_eq!(vec.capacity(), 36);
        make_room(&mut vec, 3);
        assert_eq!(vec.capacity(), 36, "there was room");
    }
}
