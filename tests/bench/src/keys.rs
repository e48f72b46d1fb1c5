//! Which keys a load touches: how many there are, what they look like, how one is drawn.

use crate::error::{BenchError, Result};
use crate::random::{Random, Zipf};

/// The keys of a load: `count` names of `size_bytes` bytes each, a prefix and a padded number.
#[derive(Debug, Clone)]
pub(crate) struct KeySpace {
    /// How many keys there are.
    pub(crate) count: u64,
    /// Length of each key name.
    pub(crate) size_bytes: usize,
    /// What every key name begins with.
    pub(crate) prefix: String,
}

impl KeySpace {
    /// # Errors
    /// `BenchError::Usage` when `size_bytes` leaves no room to number `count` keys.
    pub(crate) fn new(count: u64, size_bytes: usize, prefix: &str) -> Result<KeySpace> {
        if size_bytes < prefix.len() + digits_below(count) {
            return Err(BenchError::Usage(format!(
                "keys of {size_bytes} bytes cannot hold the prefix {prefix:?} and numbers below {count}"
            )));
        }
        Ok(KeySpace {
            count,
            size_bytes,
            prefix: prefix.to_string(),
        })
    }

    /// The digits that follow the prefix.
    pub(crate) fn digits(&self) -> usize {
        self.size_bytes - self.prefix.len()
    }

    /// The name of key `number`.
    pub(crate) fn name(&self, number: u64) -> Vec<u8> {
        let mut name = self.prefix.clone().into_bytes();
        name.resize(self.size_bytes, b'0');
        write_digits(&mut name[self.prefix.len()..], number);
        name
    }
}

/// How the next key is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum KeyOrder {
    /// 0, 1, 2 … and from the start again; what filling uses.
    Sequential,
    /// Each key equally often.
    Uniform,
    /// By Zipf's law with this exponent; the popular keys lie scattered over the keyspace.
    Zipf(f64),
}

impl std::str::FromStr for KeyOrder {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<KeyOrder, String> {
        match text.split_once(':') {
            None if text == "sequential" => Ok(KeyOrder::Sequential),
            None if text == "uniform" => Ok(KeyOrder::Uniform),
            None if text == "zipf" => Ok(KeyOrder::Zipf(0.99)),
            Some(("zipf", theta)) => match theta.parse::<f64>() {
                Ok(theta) if theta > 0.0 && theta.is_finite() => Ok(KeyOrder::Zipf(theta)),
                _ => Err("theta is a number above 0".into()),
            },
            _ => Err("one of: sequential, uniform, zipf, zipf:THETA".into()),
        }
    }
}

/// Draws key numbers below the keyspace's count.
#[derive(Debug)]
pub(crate) struct KeyPicker {
    count: u64,
    next: u64,
    zipf: Option<Zipf>,
    order: KeyOrder,
    stride: u64,
}

impl KeyPicker {
    /// A picker over `count` keys (at least 1).
    pub(crate) fn new(count: u64, order: KeyOrder) -> KeyPicker {
        let count = count.max(1);
        KeyPicker {
            count,
            next: 0,
            zipf: match order {
                KeyOrder::Zipf(theta) => Some(Zipf::new(count, theta)),
                _ => None,
            },
            order,
            stride: scattering_stride(count),
        }
    }

    /// The next key number.
    pub(crate) fn pick(&mut self, random: &mut Random) -> u64 {
        match self.order {
            KeyOrder::Uniform => random.below(self.count),
            KeyOrder::Sequential => {
                let number = self.next;
                self.next = if number + 1 == self.count {
                    0
                } else {
                    number + 1
                };
                number
            }
            KeyOrder::Zipf(_) => {
                let rank = self.zipf.as_ref().map_or(1, |zipf| zipf.rank(random));
                (u128::from(rank - 1) * u128::from(self.stride) % u128::from(self.count)) as u64
            }
        }
    }
}

/// A step that has no divisor in common with `count`, so that multiplying by it only reorders.
fn scattering_stride(count: u64) -> u64 {
    let golden = (count as f64 * 0.618_033_988_75) as u64;
    (golden.max(1)..)
        .find(|step| gcd(*step, count) == 1)
        .unwrap_or(1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// How many digits the numbers below `bound` need.
pub(crate) fn digits_below(bound: u64) -> usize {
    bound.saturating_sub(1).max(1).ilog10() as usize + 1
}

/// Writes `number` right-aligned and zero-padded; digits that do not fit are lost.
pub(crate) fn write_digits(out: &mut [u8], mut number: u64) {
    for place in out.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_stated_length_and_number() {
        let keys = KeySpace::new(1000, 16, "key:").unwrap();
        assert_eq!(keys.name(42), b"key:000000000042");
        assert!(KeySpace::new(1000, 7, "key:").is_ok());
        assert!(KeySpace::new(1001, 7, "key:").is_err());
        assert!(KeySpace::new(0, 5, "key:").is_ok());
    }

    #[test]
    fn every_order_stays_below_the_count() {
        for order in [KeyOrder::Sequential, KeyOrder::Uniform, KeyOrder::Zipf(1.2)] {
            let mut picker = KeyPicker::new(10, order);
            let mut random = Random::new(5);
            assert!((0..1000).all(|_| picker.pick(&mut random) < 10));
        }
    }

    #[test]
    fn the_stride_reaches_every_key_once() {
        for count in [1u64, 2, 3, 10, 97, 1000, 4096] {
            let stride = scattering_stride(count);
            let mut reached: Vec<u64> = (0..count).map(|rank| rank * stride % count).collect();
            reached.sort_unstable();
            assert!(reached.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn orders_parse() {
        assert_eq!("zipf:0.7".parse(), Ok(KeyOrder::Zipf(0.7)));
        assert_eq!("uniform".parse(), Ok(KeyOrder::Uniform));
        assert!("zipf:-1".parse::<KeyOrder>().is_err());
        assert!("other".parse::<KeyOrder>().is_err());
    }
}
