//! Elements in blocks: none of them is moved when there are more, so adding one never takes long.

/// Elements of a block.
const BLOCK_LEN: usize = 1024;

/// The elements. See the module documentation.
#[derive(Clone, Debug)]
pub struct Blocks<T> {
    /// All but the last one are full.
    blocks: Vec<Vec<T>>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { blocks: Vec::new() }
    }
}

impl<T: Copy> Blocks<T> {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an element behind the others.
    pub fn push(&mut self, element: T) {
        if let Some(block) = self.blocks.last_mut()
            && block.len() < BLOCK_LEN
        {
            return block.push(element);
        }
        // Of the first one there may be few elements.
        let capacity = if self.blocks.is_empty() {
            16
        } else {
            BLOCK_LEN
        };
        let mut block = Vec::with_capacity(capacity);
        block.push(element);
        self.blocks.push(block);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let last = self.blocks.last().map_or(0, Vec::len);
        self.blocks.len().saturating_sub(1) * BLOCK_LEN + last
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Element number `at`.
    pub fn get(&self, at: usize) -> Option<T> {
        let block = self.blocks.get(at / BLOCK_LEN)?;
        block.get(at % BLOCK_LEN).copied()
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        self.blocks.iter().flatten().copied()
    }

    /// Allocated bytes, about.
    pub fn memory_bytes(&self) -> usize {
        self.len() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stay_in_order_over_several_blocks() {
        let mut blocks = Blocks::new();
        assert!(blocks.is_empty() && blocks.get(0).is_none());
        for number in 0..5_000_u32 {
            assert_eq!(blocks.len(), number as usize);
            blocks.push(number);
        }
        assert!((0..5_000).all(|at| blocks.get(at as usize) == Some(at)));
        assert!(blocks.get(5_000).is_none() && !blocks.is_empty());
        assert!(blocks.iter().eq(0..5_000));
        assert_eq!(blocks.memory_bytes(), 20_000);
    }
}
