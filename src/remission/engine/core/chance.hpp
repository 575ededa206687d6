// Chance without memory: every draw is a function of (seed, patient, purpose, index) and of nothing else.
//
// The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). The key is the
// 64-bit seed; the counter is (patient low, patient high, purpose, index). Every draw but the gamma inside `births` is
// the quantile of one uniform number, so that it rises with its parameters: when two arms share their chance, the arm
// with more surviving cells never ends with fewer by luck alone.
#pragma once
#include <string_view>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "arithmetic.hpp"

namespace remission::chance {

constexpr Real EXACT_BELOW = 1e3;  // mean count up to which a draw is the exact quantile

// The stable 32-bit number of a purpose: CRC-32 of its name.
constexpr std::uint32_t purpose(std::string_view name) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (char letter : name) {
    crc ^= static_cast<unsigned char>(letter);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

struct Words {
  std::uint32_t c0, c1, c2, c3;
};

inline Words philox(Words c, std::uint32_t k0, std::uint32_t k1) {
#ifdef __SSE2__  // both products of a round at once
  const __m128i by = _mm_set_epi32(0, static_cast<int>(0xCD9E8D57), 0, static_cast<int>(0xD2511F53));
  const __m128i on = _mm_set_epi32(0, static_cast<int>(0xBB67AE85u), 0, static_cast<int>(0x9E3779B9u));
  __m128i key = _mm_set_epi32(0, static_cast<int>(k1), 0, static_cast<int>(k0));
  // from registers: to load at once what was stored in four parts waits for all of them
  __m128i x = _mm_set_epi32(static_cast<int>(c.c3), static_cast<int>(c.c2), static_cast<int>(c.c1), static_cast<int>(c.c0));
  for (int round = 0; round < 10; ++round) {
    const __m128i products = _mm_shuffle_epi32(_mm_mul_epu32(x, by), _MM_SHUFFLE(0, 1, 2, 3));
    x = _mm_xor_si128(_mm_xor_si128(products, _mm_srli_epi64(x, 32)), key);
    key = _mm_add_epi32(key, on);
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&c), x);
  return c;
#endif
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c.c0, p1 = std::uint64_t{0xCD9E8D57} * c.c2;
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c.c1 ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c.c3 ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// The nth (0..65535) uniform of one draw; it counts in the upper 16 bits of the patient's high word.
inline Real nth_uniform(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index, std::uint64_t nth) {
  const std::uint64_t p = static_cast<std::uint64_t>(patient) | (nth << 48);
  const Words r = philox({static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(p >> 32), purpose,
                          static_cast<std::uint32_t>(index)},
                         static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  // 52 random bits and a last bit of one: the odd multiples of 2^-53, symmetric about 1/2, never 0 or 1
  return (static_cast<Real>((static_cast<std::uint64_t>(r.c0) << 20) | (r.c1 >> 12)) + 0.5) * 0x1p-52;
}

// One uniform number in the open interval (0, 1), 53 bits.
inline Real uniform(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index) {
  return nth_uniform(seed, patient, purpose, index, 0);
}

// Inverse of the standard normal distribution function (Wichura 1988, AS 241, PPND16; relative error 1e-15).
inline Real normal_quantile(Real u) {
  const Real q = u - 0.5;
  if (std::fabs(q) <= 0.425) {
    const Real r = 0.180625 - q * q;
    Real top = 2509.0809287301226727;
    top = top * r + 33430.575583588128105;
    top = top * r + 67265.770927008700853;
    top = top * r + 45921.953931549871457;
    top = top * r + 13731.693765509461125;
    top = top * r + 1971.5909503065514427;
    top = top * r + 133.14166789178437745;
    top = top * r + 3.387132872796366608;
    Real low = 5226.495278852854561;
    low = low * r + 28729.085735721942674;
    low = low * r + 39307.89580009271061;
    low = low * r + 21213.794301586595867;
    low = low * r + 5394.1960214247511077;
    low = low * r + 687.1870074920579083;
    low = low * r + 42.313330701600911252;
    low = low * r + 1.0;
    return q * top / low;
  }
  Real r = std::sqrt(-std::log(q < 0.0 ? u : 1.0 - u));
  Real top, low;
  if (r <= 5.0) {
    r -= 1.6;
    top = 7.7454501427834140764e-4;
    top = top * r + 0.0227238449892691845833;
    top = top * r + 0.24178072517745061177;
    top = top * r + 1.27045825245236838258;
    top = top * r + 3.64784832476320460504;
    top = top * r + 5.7694972214606914055;
    top = top * r + 4.6303378461565452959;
    top = top * r + 1.42343711074968357734;
    low = 1.05075007164441684324e-9;
    low = low * r + 5.475938084995344946e-4;
    low = low * r + 0.0151986665636164571966;
    low = low * r + 0.14810397642748007459;
    low = low * r + 0.68976733498510000455;
    low = low * r + 1.6763848301838038494;
    low = low * r + 2.05319162663775882187;
    low = low * r + 1.0;
  } else {
    r -= 5.0;
    top = 2.01033439929228813265e-7;
    top = top * r + 2.71155556874348757815e-5;
    top = top * r + 0.0012426609473880784386;
    top = top * r + 0.026532189526576123093;
    top = top * r + 0.29656057182850489123;
    top = top * r + 1.7848265399172913358;
    top = top * r + 5.4637849111641143699;
    top = top * r + 6.6579046435011037772;
    low = 2.04426310338993978564e-15;
    low = low * r + 1.4215117583164458887e-7;
    low = low * r + 1.8463183175100546818e-5;
    low = low * r + 7.868691311456132591e-4;
    low = low * r + 0.0148753612908506148525;
    low = low * r + 0.13692988092273580531;
    low = low * r + 0.59983220655588793769;
    low = low * r + 1.0;
  }
  return q < 0.0 ? -top / low : top / low;
}

// One standard normal number.
inline Real normal(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index) {
  return normal_quantile(uniform(seed, patient, purpose, index));
}

// One exponential number of mean 1.
inline Real exponential(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index) {
  return -std::log1p(-uniform(seed, patient, purpose, index));
}

// Whole-number quantile by the first Cornish-Fisher terms; skewness_sd = skewness x standard deviation.
inline Real rounded_quantile(Real u, Real mean, Real sd, Real skewness_sd) {
  const Real z = normal_quantile(u);
  return std::max(0.0, std::floor(mean + sd * z + skewness_sd * (z * z - 1.0) / 6.0 + 0.5));
}

// Smallest count whose Poisson distribution function reaches u. Exact for a mean up to EXACT_BELOW.
inline Real poisson_quantile(Real u, Real mean) {
  if (!(mean > 0.0)) return 0.0;
  if (mean > EXACT_BELOW) return rounded_quantile(u, mean, std::sqrt(mean), 1.0);
  Real k = std::max(0.0, std::floor(mean - 9.0 * std::sqrt(mean)));  // less than 1e-17 lies below
  const Real last = mean + 12.0 * std::sqrt(mean) + 40.0;
  Real mass = std::exp(k > 0.0 ? k * std::log(mean) - mean - std::lgamma(k + 1.0) : -mean);
  Real reached = mass;
  while (reached < u && k < last) {
    k += 1.0;
    mass *= mean / k;
    reached += mass;
  }
  return k;
}

inline Real poisson(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index, Real mean) {
  return poisson_quantile(uniform(seed, patient, purpose, index), mean);
}

// log(n! / (n-k)!) without cancellation for large n (difference of two Stirling series).
inline Real log_choices(Real n, Real k) {
  if (n < 1e3) return std::lgamma(n + 1.0) - std::lgamma(n - k + 1.0);
  const Real m = n - k;
  const Real tail =
      1.0 / (12.0 * n) - 1.0 / (12.0 * m) - 1.0 / (360.0 * n * n * n) + 1.0 / (360.0 * m * m * m);
  return k * std::log(n) - (m + 0.5) * std::log1p(-k / n) - k + tail;
}

// `binomial_quantile` for 0 < p <= 1/2 and whole n >= 1.
inline Real binomial_rare(Real u, Real n, Real p) {
  const Real mean = n * p, sd = std::sqrt(n * p * (1.0 - p));
  if (mean > EXACT_BELOW) return std::min(n, rounded_quantile(u, mean, sd, 1.0 - 2.0 * p));
  Real k = std::max(0.0, std::floor(mean - 9.0 * std::sqrt(mean)));
  const Real last = std::min(n, mean + 12.0 * sd + 40.0);
  const Real odds = p / (1.0 - p);
  const Real others = (n - k) * std::log1p(-p);
  Real mass = std::exp(k > 0.0 ? log_choices(n, k) - std::lgamma(k + 1.0) + k * std::log(p) + others : others);
  Real reached = mass;
  while (reached < u && k < last) {
    k += 1.0;
    mass *= (n - k + 1.0) / k * odds;
    reached += mass;
  }
  return k;
}

// Smallest count whose binomial distribution function reaches u. Exact while the expected number of the rarer outcome
// is at most EXACT_BELOW. n is rounded down.
inline Real binomial_quantile(Real u, Real n, Real p) {
  n = std::floor(n);
  if (n <= 0.0 || p <= 0.0) return 0.0;
  if (p >= 1.0) return n;
  if (u <= 1.0 - n * p) return 0.0;  // (1 - p)^n is no less (Bernoulli): nothing happens, as most often where p is small
  if (p > 0.5) return n - binomial_rare(1.0 - u, n, 1.0 - p);
  return binomial_rare(u, n, p);
}

inline Real binomial(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index, Real n, Real p) {
  if (!(p > 0.0) || !(n >= 1.0)) return 0.0;  // whatever is drawn
  return binomial_quantile(uniform(seed, patient, purpose, index), n, p);
}

// A gamma number of scale 1 and shape >= 1 (Marsaglia and Tsang 2000), drawing from nth on.
inline Real gamma(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index, std::uint64_t nth, Real shape) {
  const Real d = shape - 1.0 / 3.0;
  const Real c = 1.0 / std::sqrt(9.0 * d);
  for (std::uint64_t attempt = 0; attempt < 1000; ++attempt) {
    const Real x = normal_quantile(nth_uniform(seed, patient, purpose, index, nth + 2 * attempt));
    const Real w = 1.0 + c * x;
    const Real v = w * w * w;
    const Real u = nth_uniform(seed, patient, purpose, index, nth + 2 * attempt + 1);
    if (v > 0.0 && std::log(u) < 0.5 * x * x + d * (1.0 - v + std::log(v))) return d * v;
  }
  return shape;  // not reached: each attempt is accepted with probability above 0.95
}

inline Real births_from(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index, std::uint64_t nth, Real m,
                        Real p) {
  m = std::floor(m);
  if (m <= 0.0 || p >= 1.0) return std::max(m, 0.0);
  const Real u = nth_uniform(seed, patient, purpose, index, nth);
  if (m == 1.0) return std::max(1.0, std::ceil(std::log1p(-u) / std::log1p(-p)));
  const Real mean = m * (1.0 - p) / p;
  if (mean > 0.5 * EXACT_BELOW)  // exact mixture: the number born is Poisson with a gamma-distributed mean
    return m + poisson_quantile(u, gamma(seed, patient, purpose, index, nth + 1, m) * (1.0 - p) / p);
  Real k = 0.0;
  const Real last = mean + 40.0 * (std::sqrt(mean / p) + 1.0 / p);
  Real mass = std::exp(m * std::log(p));
  Real reached = mass;
  while (reached < u && k < last) {
    k += 1.0;
    mass *= (m + k - 1.0) / k * (1.0 - p);
    reached += mass;
  }
  return m + k;
}

// Cells that m surviving lineages have become: a sum of m geometric numbers, each 1 or more, of mean 1/p.
inline Real negative_binomial_births(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index, Real m,
                                     Real p) {
  return births_from(seed, patient, purpose, index, 0, m, p);
}

// Cells alive after `days` of a linear birth-death process that starts with `cells` (Kendall 1948). With
// x = (exp(g t) - 1) / g and g = birth - death, a lineage survives with probability exp(g t) / (1 + b x), and a
// surviving lineage has a geometric number of cells with success probability 1 / (1 + b x).
inline Real birth_death(std::uint64_t seed, Int patient, std::uint32_t purpose, Int index, Real cells,
                        Real birth_per_day, Real death_per_day, Real days) {
  if (days <= 0.0) return std::floor(cells);
  const Real gt = (birth_per_day - death_per_day) * days;
  const Real x = days * (gt != 0.0 ? std::expm1(gt) / gt : 1.0);
  const Real p = 1.0 / (1.0 + birth_per_day * x);
  const Real alive = binomial_quantile(nth_uniform(seed, patient, purpose, index, 0), cells,
                                       std::min(1.0, std::exp(gt) * p));
  return births_from(seed, patient, purpose, index, 1, alive, p);
}

}  // namespace remission::chance
