//! `PFSELFTEST`: whether registers and estimates are sound on this machine.

use super::{HEADER_BYTES, Observation, REGISTERS, Sketch, SketchBuf, dense};
use crate::value::StringRef;

/// How often all registers are written and read back.
const REGISTER_ROUNDS: u32 = 100;
/// Elements added at most, a power of ten.
const ELEMENTS: u64 = 1_000_000;
/// Elements added per step, few enough for sparse registers.
const ELEMENTS_PER_STEP: u64 = 200;
/// The standard error, 1.04 / √16384.
const STANDARD_ERROR: f64 = 0.008_125;
/// Estimates further off than this many standard errors are wrong.
const ERRORS_MAX: f64 = 6.0;
/// While fewer elements than this have been added, sparse registers must give the same estimates.
const COMPARED: u64 = 10_000;

/// A test on its way, cut into steps of about 100 µs.
#[derive(Clone, Debug)]
pub struct SelfTest {
    random: u64,
    rounds: u32,
    added: u64,
    sparse: SketchBuf,
    dense: SketchBuf,
}

impl SelfTest {
    /// A test with elements of its own for every `seed`.
    pub fn new(seed: u64) -> SelfTest {
        let mut dense = SketchBuf::new();
        dense
            .make_dense()
            .expect("an empty HyperLogLog has all registers");
        SelfTest {
            random: seed,
            rounds: 0,
            added: 0,
            sparse: SketchBuf::new(),
            dense,
        }
    }

    /// Does the next step; whether there is none left.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn step(&mut self) -> Result<bool, String> {
        if self.rounds < REGISTER_ROUNDS {
            self.rounds += 1;
            self.check_registers()?;
            return Ok(false);
        }
        self.add_elements()?;
        Ok(self.added >= ELEMENTS)
    }

    /// Writes every register and reads all of them back.
    fn check_registers(&mut self) -> Result<(), String> {
        let ranks: Vec<u8> = (0..REGISTERS).map(|_| self.next() as u8 & 0x3f).collect();
        let mut registers = vec![0; dense::REGISTER_BYTES];
        for (register, rank) in ranks.iter().enumerate() {
            dense::put(&mut registers, register, *rank);
        }
        for (register, rank) in ranks.iter().enumerate() {
            let read = dense::rank(&registers, register);
            if read != *rank {
                return Err(format!(
                    "Register {register} should be {rank} but is {read}"
                ));
            }
        }
        Ok(())
    }

    fn add_elements(&mut self) -> Result<(), String> {
        for _ in 0..ELEMENTS_PER_STEP {
            let element = self.next().to_le_bytes();
            self.added += 1;
            let seen = Observation::of(&element);
            let corrupt = |_| "A HyperLogLog became corrupt".to_owned();
            self.dense.add(seen, 0).map_err(corrupt)?;
            if self.added <= COMPARED {
                self.sparse.rewind();
                self.sparse.add(seen, u64::MAX).map_err(corrupt)?;
            }
            if is_power_of_ten(self.added) {
                self.check_estimates()?;
            }
        }
        Ok(())
    }

    fn check_estimates(&self) -> Result<(), String> {
        let estimate = estimate_of(&self.dense)?;
        let wrong_by = estimate.abs_diff(self.added);
        let allowed = (STANDARD_ERROR * ERRORS_MAX * self.added as f64).ceil() as u64;
        if wrong_by > allowed {
            let added = self.added;
            return Err(format!("Too big error. card:{added} abserr:{wrong_by}"));
        }
        if self.added <= COMPARED && estimate_of(&self.sparse)? != estimate {
            return Err(format!("dense/sparse disagree at card:{}", self.added));
        }
        Ok(())
    }

    /// The next of the seed's numbers, no two of which are equal (SplitMix64).
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

fn is_power_of_ten(number: u64) -> bool {
    10u64.checked_pow(number.ilog10()) == Some(number)
}

fn estimate_of(sketch: &SketchBuf) -> Result<u64, String> {
    debug_assert!(sketch.bytes.len() > HEADER_BYTES);
    let read = Sketch::read(StringRef::Raw(&sketch.bytes));
    read.and_then(|sketch| sketch.count())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes() {
        let mut test = SelfTest::new(1);
        while !test.step().unwrap() {}
        assert_eq!(test.added, ELEMENTS);
    }

    #[test]
    fn it_notices_what_is_wrong() {
        let mut test = SelfTest::new(7);
        test.rounds = REGISTER_ROUNDS;
        test.dense.bytes[HEADER_BYTES..].fill(0x21);
        assert!(test.step().unwrap_err().starts_with("Too big error."));
        let mut test = SelfTest::new(7);
        test.rounds = REGISTER_ROUNDS;
        test.sparse = test.dense.clone();
        test.sparse.bytes[HEADER_BYTES] = 1;
        assert_eq!(test.step().unwrap_err(), "dense/sparse disagree at card:1");
    }
}
