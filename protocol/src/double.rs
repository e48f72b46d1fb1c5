//! Doubles as Redis 7.2 and later write them in replies.
//!
//! Clients compare these texts, so they are Redis's to the digit. Redis takes the digits from
//! Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with
//! Integers", 2010), whose result always reads back as the same double but is not always the
//! shortest one: `1e23` gives `99999999999999990000000`. So this is Grisu2 as well, with the same
//! choice among the cached powers of ten, instead of one of the newer, always shortest methods.

#[cfg(test)]
mod tests;

/// A double in decimal: `3`, `0.1`, `-1.5`, `1e+20`, `inf`, `-inf`, `nan`.
///
/// Whole numbers up to 2^62 are written out; others get an exponent where it is shorter.
#[derive(Clone, Copy, Debug)]
pub struct DoubleText {
    bytes: [u8; TEXT_LEN_MAX],
    len: usize,
}

/// Longest: a sign, `0.`, six zeros and 17 digits; an exponent takes less.
const TEXT_LEN_MAX: usize = 32;

impl DoubleText {
    /// The text of `value`.
    pub fn new(value: f64) -> Self {
        let mut text = DoubleText {
            bytes: [0; TEXT_LEN_MAX],
            len: 0,
        };
        if value.is_nan() {
            text.push(b"nan");
        } else if value.is_infinite() {
            text.push(if value < 0.0 { b"-inf" } else { b"inf" });
        } else if value == 0.0 {
            text.push(if value.is_sign_negative() {
                b"-0"
            } else {
                b"0"
            });
        } else if value.abs() <= WHOLE_MAX && value.trunc() == value {
            text.push(itoa::Buffer::new().format(value as i64).as_bytes());
        } else {
            text.push_decimal(value);
        }
        text
    }

    /// The text as bytes, all of them ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    fn push_zeros(&mut self, count: usize) {
        self.push(&[b'0'; TEXT_LEN_MAX][..count]);
    }

    fn push_decimal(&mut self, value: f64) {
        if value < 0.0 {
            self.push(b"-");
        }
        let decimal = Decimal::shortest(value.abs());
        let digits = decimal.digits();
        // The power of ten of the first digit.
        let exponent = decimal.exponent + digits.len() as i32 - 1;
        if decimal.exponent >= 0 && exponent < digits.len() as i32 + 7 {
            self.push(digits);
            self.push_zeros(decimal.exponent as usize);
        } else if decimal.exponent < 0 && (decimal.exponent > -7 || exponent.abs() < 4) {
            self.push_fraction(digits, exponent);
        } else {
            self.push_scientific(digits, exponent);
        }
    }

    /// `12.34` or `0.0012`.
    fn push_fraction(&mut self, digits: &[u8], exponent: i32) {
        if exponent < 0 {
            self.push(b"0.");
            self.push_zeros(-exponent as usize - 1);
            self.push(digits);
        } else {
            let (whole, fraction) = digits.split_at(exponent as usize + 1);
            self.push(whole);
            self.push(b".");
            self.push(fraction);
        }
    }

    /// `1e+20` or `1.25e-7`.
    fn push_scientific(&mut self, digits: &[u8], exponent: i32) {
        let (first, rest) = digits.split_at(1);
        self.push(first);
        if !rest.is_empty() {
            self.push(b".");
            self.push(rest);
        }
        self.push(if exponent < 0 { b"e-" } else { b"e+" });
        self.push(
            itoa::Buffer::new()
                .format(exponent.unsigned_abs())
                .as_bytes(),
        );
    }
}

/// Redis writes whole doubles up to half the range of its integers as integers.
const WHOLE_MAX: f64 = (i64::MAX / 2) as f64;

/// Decimal digits times a power of ten.
struct Decimal {
    digits: [u8; DIGITS_MAX],
    len: usize,
    exponent: i32,
}

/// Grisu2 never gives more than 17 digits; one more keeps the bound plain to see.
const DIGITS_MAX: usize = 18;

/// A number `fraction × 2^exponent`.
#[derive(Clone, Copy)]
struct Binary {
    fraction: u64,
    exponent: i32,
}

impl Decimal {
    /// Few digits that read back as `value`, which is finite and above zero.
    fn shortest(value: f64) -> Self {
        let exact = Binary::exactly(value);
        let (low, high) = exact.neighbourhood();
        let (power, power_exponent) = cached_power(high.exponent);
        let exact = exact.normalized().times(power);
        // Products may be off by one in the last place; the narrower interval makes up for it.
        let (mut low, mut high) = (low.times(power), high.times(power));
        low.fraction += 1;
        high.fraction -= 1;
        let mut decimal = Decimal {
            digits: [0; DIGITS_MAX],
            len: 0,
            exponent: -power_exponent,
        };
        decimal.generate(exact, low, high);
        decimal
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    /// Digits of `high` until what is left lies within the interval, then rounded to `exact`.
    fn generate(&mut self, exact: Binary, low: Binary, high: Binary) {
        let shift = -high.exponent;
        let mask = (1u64 << shift) - 1;
        let (mut whole, mut rest) = (high.fraction >> shift, high.fraction & mask);
        let mut width = high.fraction - low.fraction;
        let distance = high.fraction - exact.fraction;

        for places in (0..WHOLE_DIGITS_MAX).rev() {
            let unit = 10u64.pow(places);
            self.push_digit(whole / unit);
            whole %= unit;
            let left = (whole << shift) + rest;
            if left <= width {
                self.exponent += places as i32;
                return self.round(width, left, unit << shift, distance);
            }
        }
        let mut scale = 1u64;
        loop {
            rest *= 10;
            width *= 10;
            scale = scale.wrapping_mul(10);
            self.exponent -= 1;
            self.push_digit(rest >> shift);
            rest &= mask;
            if rest < width {
                return self.round(width, rest, 1 << shift, distance.wrapping_mul(scale));
            }
        }
    }

    /// Appends a digit, unless it is a leading zero.
    fn push_digit(&mut self, digit: u64) {
        if digit != 0 || self.len != 0 {
            self.digits[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit while that comes closer to the exact value and stays in the interval.
    fn round(&mut self, width: u64, mut left: u64, unit: u64, distance: u64) {
        while left < distance
            && width - left >= unit
            && (left + unit < distance || distance - left > left + unit - distance)
        {
            self.digits[self.len - 1] -= 1;
            left += unit;
        }
    }
}

/// Decimal digits of the whole part: it is below 2^32.
const WHOLE_DIGITS_MAX: u32 = 10;

impl Binary {
    fn exactly(value: f64) -> Self {
        let bits = value.to_bits();
        let (biased, fraction) = ((bits >> 52) as i32, bits & (HIDDEN_BIT - 1));
        if biased == 0 {
            Binary {
                fraction,
                exponent: 1 - EXPONENT_BIAS,
            }
        } else {
            Binary {
                fraction: fraction | HIDDEN_BIT,
                exponent: biased - EXPONENT_BIAS,
            }
        }
    }

    /// The ends of what reads back as this double: half way to the doubles below and above it.
    fn neighbourhood(self) -> (Binary, Binary) {
        let high = Binary {
            fraction: self.fraction * 2 + 1,
            exponent: self.exponent - 1,
        }
        .normalized();
        // Below a power of two the doubles lie twice as close.
        let closer = if self.fraction == HIDDEN_BIT { 2 } else { 1 };
        let low_exponent = self.exponent - closer;
        let low = Binary {
            fraction: ((self.fraction << closer) - 1) << (low_exponent - high.exponent),
            exponent: high.exponent,
        };
        (low, high)
    }

    fn normalized(self) -> Self {
        let shift = self.fraction.leading_zeros();
        Binary {
            fraction: self.fraction << shift,
            exponent: self.exponent - shift as i32,
        }
    }

    /// The upper half of the product, rounded.
    fn times(self, other: Binary) -> Self {
        let product = u128::from(self.fraction) * u128::from(other.fraction);
        Binary {
            fraction: ((product + (1 << 63)) >> 64) as u64,
            exponent: self.exponent + other.exponent + 64,
        }
    }
}

const HIDDEN_BIT: u64 = 1 << 52;
const EXPONENT_BIAS: i32 = 1023 + 52;

/// A power of ten that brings a number with this binary exponent to one between -60 and -32, so
/// that its whole part fits 32 bits; and its decimal exponent. Two powers may do; the search
/// starts where Redis's starts, since the choice shows in the digits.
fn cached_power(exponent: i32) -> (Binary, i32) {
    let estimate = (f64::from(-(exponent + POWERS.len() as i32)) * LOG10_OF_2) as i32;
    let mut index = (estimate - POWERS_FIRST) / POWERS_STEP;
    loop {
        let decimal_exponent = POWERS_FIRST + index * POWERS_STEP;
        let power = Binary {
            fraction: POWERS[index as usize],
            exponent: binary_exponent(decimal_exponent),
        };
        match exponent + power.exponent + 64 {
            ..-60 => index += 1,
            -60..=-32 => return (power, decimal_exponent),
            _ => index -= 1,
        }
    }
}

/// The exponent that leaves 64 bits for the fraction of a power of ten: `floor(log2(10^n)) - 63`.
fn binary_exponent(decimal_exponent: i32) -> i32 {
    ((decimal_exponent * 217_706) >> 16) - 63
}

const LOG10_OF_2: f64 = std::f64::consts::LOG10_2;
const POWERS_FIRST: i32 = -348;
const POWERS_STEP: i32 = 8;

/// The upper 64 bits, rounded, of 10^-348, 10^-340, … 10^340.
const POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288,
    0xbaae_e17f_a23e_bf76,
    0x8b16_fb20_3055_ac76,
    0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d,
    0xe61a_cf03_3d1a_45df,
    0xab70_fe17_c79a_c6ca,
    0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c,
    0x8dd0_1fad_907f_fc3c,
    0xd351_5c28_3155_9a83,
    0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb,
    0xaecc_4991_4078_536d,
    0x823c_1279_5db6_ce57,
    0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f,
    0xd774_85cb_2582_3ac7,
    0xa086_cfcd_97bf_97f4,
    0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e,
    0x84c8_d4df_d2c6_3f3b,
    0xc5dd_4427_1ad3_cdba,
    0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584,
    0xa3ab_6658_0d5f_daf6,
    0xf3e2_f893_dec3_f126,
    0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b,
    0xc9bc_ff60_34c1_3053,
    0x964e_858c_91ba_2655,
    0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f,
    0xf8a9_5fcf_8874_7d94,
    0xb944_7093_8fa8_9bcf,
    0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6,
    0x993f_e2c6_d07b_7fac,
    0xe45c_10c4_2a2b_3b06,
    0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e,
    0xbce5_0864_9211_1aeb,
    0x8cbc_cc09_6f50_88cc,
    0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000,
    0xe8d4_a510_0000_0000,
    0xad78_ebc5_ac62_0000,
    0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3,
    0x8f7e_32ce_7bea_5c70,
    0xd5d2_38a4_abe9_8068,
    0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27,
    0xb0de_6538_8cc8_ada8,
    0x83c7_088e_1aab_65db,
    0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758,
    0xda01_ee64_1a70_8dea,
    0xa26d_a399_9aef_774a,
    0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877,
    0x865b_8692_5b9b_c5c2,
    0xc835_53c5_c896_5d3d,
    0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3,
    0xa59b_c234_db39_8c25,
    0xf6c6_9a72_a398_9f5c,
    0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2,
    0xcc20_ce9b_d35c_78a5,
    0x9816_5af3_7b21_53df,
    0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396,
    0xfb9b_7cd9_a4a7_443c,
    0xbb76_4c4c_a7a4_4410,
    0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c,
    0x9b10_a4e5_e991_3129,
    0xe710_9bfb_a19c_0c9d,
    0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85,
    0xbf21_e440_03ac_dd2d,
    0x8e67_9c2f_5e44_ff8f,
    0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9,
    0xeb96_bf6e_badf_77d9,
    0xaf87_023b_9bf0_ee6b,
];
