//! The elements that are sorted.

use storage::ValueType;
use storage::typed::CollectionRef;

use super::options::SortOptions;

/// The elements of a list, set or sorted set, in the order in which they lie. What has an order and is to be answered
/// in it is turned round if it is wanted from its end.
pub(super) fn load(collection: CollectionRef<'_>, options: &SortOptions<'_>) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    collection.each_record(&mut |parts| elements.push(parts[0].to_vec()));
    let is_ordered = collection.value_type() != ValueType::Set;
    if options.unsorted && options.descending && is_ordered {
        elements.reverse();
    }
    elements
}
