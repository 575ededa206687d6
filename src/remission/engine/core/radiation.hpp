// Cells that survive radiation: the linear-quadratic model with repair between the fractions of a day.
//
//     S = exp(-(alpha D + beta D^2 / n (1 + K))),   beta = alpha / alpha_beta
//
// for a day's dose D (Gy) in n equal fractions; K is what damage that was not repaired between fractions adds (Thames
// 1985): with phi = exp(-ln 2 gap / T) left after a gap between fractions, repair half-life T,
// K = 2/n phi / (1 - phi) (n - (1 - phi^n) / (1 - phi)).
#pragma once
#include "arithmetic.hpp"

namespace remission {

constexpr Real GAP_HOURS = 6.0;  // between the fractions of a day

inline Real incomplete_repair(int fractions, Real half_life_hours) {
  if (fractions < 2) return 0.0;
  const Real phi = std::exp(-std::log(2.0) * GAP_HOURS / half_life_hours);
  return 2.0 / fractions * phi / (1.0 - phi) * (fractions - (1.0 - std::pow(phi, fractions)) / (1.0 - phi));
}

// Share of cells in the field that live after a day's dose.
inline Real survival(Real dose_gy, int fractions, Real alpha, Real alpha_beta, Real half_life_hours) {
  if (dose_gy <= 0.0) return 1.0;
  const Real more = dose_gy / (fractions * alpha_beta) * (1.0 + incomplete_repair(fractions, half_life_hours));
  return std::exp(-alpha * dose_gy * (1.0 + more));
}

}  // namespace remission
