// B cells and antibodies, CAR T-cells, cytokine release and what it does to brain and circulation.
//
// CAR T-cells (copies per ug of DNA) C = E + M; A: cells with the antigen over the marrow's capacity, L: lymphocytes
//
//     before the peak   dE/dt = rate A / (A + half) L50 / (L50 + L) (1 - C / most) E
//     at the peak       a share of E becomes memory M
//     after it          dE/dt = -contraction E,  dM/dt = -loss M
//     kill              max C / (C + half), 1/day
//
// B cells, relative     dB/dt = turnover (room (1 - share E_drugs) - B) - kill B
// plasma cells          dP/dt = (independent + (1 - independent) min(B, 1) - P) ln 2 / half-life
// IgG, g/L              dG/dt = (baseline P - G) ln 2 / half-life
// cytokine, pg/mL       dI/dt = release R signal / (killed + half) - clearance (I - baseline)
// readiness             dR/dt = -priming R k / (k + half) + recovery (1 - R)
// brain                 dN/dt = rate (log10 max(I / baseline, 1) person - N)
//
// killed: cells with the antigen that antibodies and CAR T-cells kill in a day, over the capacity; signal: the same, each
// times what its killer sets free over it (`releases`); k: the faster of their kill rates, times that. Every step is exact for
// rates that are held constant over it.
#pragma once
#include "arithmetic.hpp"

namespace remission {

// dx/dt = rate (target - x) over h days.
inline Real towards(Real x, Real target, Real rate, Real h) { return target + (x - target) * std::exp(-rate * h); }

// E after h days before the peak.
inline Real expansion(Real cells, Real memory, Real h, Real antigen, Real lymphocytes, Real rate, Real antigen_half,
                      Real lymphocytes_half, Real most) {
  const Real crowd = std::max(0.0, 1.0 - (cells + memory) / most);
  const Real room = lymphocytes_half / (lymphocytes_half + lymphocytes);
  return cells * std::exp(h * rate * antigen / (antigen + antigen_half) * room * crowd);
}

inline Wide towards(Wide x, Wide target, Wide rate, Real h) { return target + (x - target) * exp_wide(-rate * h); }

// Mean of a quantity that goes from a to b exponentially.
inline Real log_mean(Real a, Real b) {
  if (a <= 0.0 || b <= 0.0) return 0.5 * (std::max(a, 0.0) + std::max(b, 0.0));
  const Real r = a / b;
  return std::fabs(r - 1.0) < 1e-6 ? 0.5 * (a + b) : (a - b) / std::log(r);
}

inline Wide log_mean(Wide a, Wide b) {
  const auto some = (a > 0.0) & (b > 0.0);
  const Wide r = some ? a / b : everywhere(1.0), off = r - 1.0;
  const auto apart = larger(off, -off) >= 1e-6;
  return apart ? (a - b) / log_wide(apart ? r : everywhere(2.0)) : 0.5 * (larger(a, 0.0) + larger(b, 0.0));
}

// 0 to 4, by what x reaches.
inline Int grade_of(Real x, Real first, Real second, Real third, Real fourth) {
  return x < first ? 0 : x < second ? 1 : x < third ? 2 : x < fourth ? 3 : 4;
}

}  // namespace remission
