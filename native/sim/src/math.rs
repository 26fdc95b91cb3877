//! Logarithm and exponential by operations that are exact to the bit everywhere: the system's differ between machines by the last bit,
//! and the same seed must be the same run on all of them.

use std::f64::consts::{LN_2, SQRT_2};

/// Terms of the series; the rest is below the last bit.
const LN_TERMS: u32 = 12;
const EXP_TERMS: u32 = 20;
const FRACTION_BITS: u32 = 52;
const BIAS: i64 = 1_023;

/// Natural logarithm of a normal number above 0.
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut power = (bits >> FRACTION_BITS) as i64 - BIAS;
    let mut m = f64::from_bits((bits & ((1 << FRACTION_BITS) - 1)) | (BIAS as u64) << FRACTION_BITS);
    if m > SQRT_2 {
        m /= 2.0;
        power += 1;
    }
    let t = (m - 1.0) / (m + 1.0);
    let square = t * t;
    let mut sum = 0.0;
    for term in (0..LN_TERMS).rev() {
        sum = sum * square + 1.0 / f64::from(2 * term + 1);
    }
    power as f64 * LN_2 + 2.0 * t * sum
}

/// e to the power of −x, for x ≥ 0.
pub fn exp_of_minus(x: f64) -> f64 {
    let halvings = (x / LN_2) as u64;
    if halvings >= BIAS as u64 {
        return 0.0;
    }
    let rest = x - halvings as f64 * LN_2;
    let mut sum = 1.0;
    for term in (1..EXP_TERMS).rev() {
        sum = 1.0 - sum * rest / f64::from(term);
    }
    sum * f64::from_bits((BIAS as u64 - halvings) << FRACTION_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_to_the_systems_own() {
        for i in 1..=10_000u32 {
            let x = f64::from(i) / 10_000.0;
            assert!((ln(x) - x.ln()).abs() <= 1e-14 * (1.0 + x.ln().abs()), "ln {x}");
            let y = f64::from(i) / 50.0;
            assert!(
                (exp_of_minus(y) - (-y).exp()).abs() <= 1e-13 * (-y).exp(),
                "exp −{y}"
            );
        }
        assert_eq!((ln(1.0), exp_of_minus(0.0), exp_of_minus(1e9)), (0.0, 1.0, 0.0));
    }

    #[test]
    fn the_same_bits_everywhere() {
        assert_eq!(ln(0.3).to_bits(), 0xbff3_4378_fcbd_a720);
        assert_eq!(exp_of_minus(3.7).to_bits(), 0x3f99_511f_c687_1044);
    }
}
