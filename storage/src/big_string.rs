//! shim
#![allow(missing_docs)]
use std::ops::Range;
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigString(std::sync::Arc<Vec<u8>>);
impl BigString {
    pub fn from_bytes(b: &[u8]) -> Self { Self(std::sync::Arc::new(b.to_vec())) }
    pub fn len(&self) -> usize { self.0.len() }
    pub fn is_empty(&self) -> bool { self.0.is_empty() }
    pub fn memory_bytes(&self) -> usize { self.0.capacity() }
    pub fn to_vec(&self) -> Vec<u8> { self.0.to_vec() }
    pub fn read_range(&self, r: Range<usize>) -> impl Iterator<Item = &[u8]> { std::iter::once(&self.0[r]) }
    pub fn get_byte(&self, i: usize) -> u8 { self.0[i] }
    pub fn set_byte(&mut self, i: usize, b: u8) { std::sync::Arc::make_mut(&mut self.0)[i] = b }
    pub fn write_at(&mut self, at: usize, b: &[u8]) { let v = std::sync::Arc::make_mut(&mut self.0); if v.len() < at + b.len() { v.resize(at + b.len(), 0) } v[at..at+b.len()].copy_from_slice(b) }
    pub fn extend_to(&mut self, n: usize) { if self.len() < n { std::sync::Arc::make_mut(&mut self.0).resize(n, 0) } }
    pub fn drop_some(&mut self, _n: usize) -> bool { true }
}
