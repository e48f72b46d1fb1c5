//! Old versions that a running snapshot has yet to show.

use crate::slot_word::Word;

/// Words per block. A queue of a million words must not be copied because one more arrives.
const BLOCK_WORDS: usize = 512;

/// A stack of slot words in blocks of one size.
#[derive(Default)]
pub(crate) struct PreImages {
    blocks: Vec<Vec<Word>>,
}

impl PreImages {
    /// Adds the word of a version that has just been replaced.
    pub(crate) fn push(&mut self, word: Word) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK_WORDS => block.push(word),
            _ => {
                let mut block = Vec::with_capacity(BLOCK_WORDS);
                block.push(word);
                self.blocks.push(block);
            }
        }
    }

    /// The word that [`PreImages::pop`] takes out next.
    pub(crate) fn last(&self) -> Option<Word> {
        self.blocks.last()?.last().copied()
    }

    /// Takes out the newest word.
    pub(crate) fn pop(&mut self) -> Option<Word> {
        let block = self.blocks.last_mut()?;
        let word = block.pop();
        if block.is_empty() {
            self.blocks.pop();
        }
        word
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Allocated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Vec<Word>>()
            + self.blocks.len() * BLOCK_WORDS * size_of::<Word>()
    }

    /// All words.
    #[cfg(test)]
    pub(crate) fn words(&self) -> impl Iterator<Item = Word> {
        self.blocks.iter().flatten().copied()
    }
}
