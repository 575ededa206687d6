// exp, log and powers as arithmetic, so that loops over lanes stay wide: a library call would break them.
#pragma once
#include "rows.hpp"

namespace remission {

template <class To, class From>
inline To bits_of(const From& x) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, x);
}

// What follows is for one number and for a row of them.
inline Real larger(Real a, Real b) { return a > b ? a : b; }
inline Real smaller(Real a, Real b) { return a < b ? a : b; }
inline Wide larger(Wide a, Wide b) { return a > b ? a : b; }
inline Wide smaller(Wide a, Wide b) { return a < b ? a : b; }
inline Wide size_of(Wide x) { return larger(x, -x); }
inline Wide larger(Wide a, Real b) { return larger(a, everywhere(b)); }
inline Wide smaller(Wide a, Real b) { return smaller(a, everywhere(b)); }

template <class T>
struct BitsOf;
template <>
struct BitsOf<Real> {
  using type = Int;
};
template <>
struct BitsOf<Wide> {
  using type = WideInt;
};

inline Wide root(Wide x) {
  for (int l = 0; l < LANES; ++l) x[l] = std::sqrt(x[l]);
  return x;
}

// exp for -40 <= x <= 4 (lower is taken as -40): Taylor to the 7th power on x/64, squared six times. Relative error
// 4e-13 at |x| = 4, 7e-10 at -10, 2e-7 at -20.
template <class T>
[[gnu::always_inline]] inline T exp_small(T x) {
  const T z = larger(x, -40.0) * (1.0 / 64.0);
  T e = 1.0 + z * (1.0 / 7.0);
  e = 1.0 + z * (1.0 / 6.0) * e;
  e = 1.0 + z * (1.0 / 5.0) * e;
  e = 1.0 + z * (1.0 / 4.0) * e;
  e = 1.0 + z * (1.0 / 3.0) * e;
  e = 1.0 + z * (1.0 / 2.0) * e;
  e = 1.0 + z * e;
  e = e * e;
  e = e * e;
  e = e * e;
  e = e * e;
  e = e * e;
  return e * e;
}

// exp for |x| < 700 (beyond is taken as that): x = k ln 2 + r, Taylor to the 12th power on |r| < 0.35. Relative error
// below 4e-16.
template <class T>
inline T exp_wide(T x) {
  using Bits = typename BitsOf<T>::type;
  const Real magic = 6755399441055744.0;  // 1.5 2^52: adding it rounds to a whole number
  x = smaller(larger(x, -700.0), 700.0);
  const T shifted = x * 1.4426950408889634 + magic;
  const T k = shifted - magic;
  T r = x - k * 0.693147180369123816490;  // ln 2 in two parts
  r = r - k * 1.90821492927058770002e-10;
  T p = r * (1.0 / 479001600.0) + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  return bits_of<T>(bits_of<Bits>(p) + (bits_of<Bits>(shifted) << 52));
}

// Natural logarithm of a positive normal number: x = 2^k m, m in 0.7..1.4, by the odd series of (m - 1) / (m + 1) to
// the 21st power. Relative error below 1e-15 away from 1, absolute below 1e-16 near it.
template <class T>
inline T log_wide(T x) {
  using Bits = typename BitsOf<T>::type;
  const Bits shifted = bits_of<Bits>(x) - 0x3FE6A09E667F3BCDLL;  // of sqrt(1/2): m lies in sqrt(1/2)..sqrt(2)
  const Bits mantissa = (shifted & 0x000FFFFFFFFFFFFFLL) + 0x3FE6A09E667F3BCDLL;
  // the exponent as a number without an integer conversion: 2^52 + 2^11 + k
  const Bits power = ((shifted >> 52) + 2048) | 0x4330000000000000LL;
  const T k = bits_of<T>(power) - (4503599627370496.0 + 2048.0);
  const T m = bits_of<T>(mantissa);
  const T q = (m - 1.0) / (m + 1.0);
  const T r = q * q;
  T s = r * (1.0 / 21.0) + 1.0 / 19.0;
  s = s * r + 1.0 / 17.0;
  s = s * r + 1.0 / 15.0;
  s = s * r + 1.0 / 13.0;
  s = s * r + 1.0 / 11.0;
  s = s * r + 1.0 / 9.0;
  s = s * r + 1.0 / 7.0;
  s = s * r + 1.0 / 5.0;
  s = s * r + 1.0 / 3.0;
  return k * 0.693147180369123816490 + (2.0 * q + (2.0 * q * r * s + k * 1.90821492927058770002e-10));
}

// (a / b)^g for a near b: ln(a / b) by its odd series in q = (a - b) / (a + b) (to q^11: 4e-9 for a = 1.5 b), the
// exponential by Taylor.
template <class T>
[[gnu::always_inline]] inline T near_power(T a, T b, T g) {
  const T q = (a - b) / (a + b);
  const T r = q * q;
  const T x = g * q * (2.0 + r * (2.0 / 3.0 + r * (2.0 / 5.0 + r * (2.0 / 7.0 + r * (2.0 / 9.0)))));
  return 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0)))));
}

}  // namespace remission
