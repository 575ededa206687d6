// Blood cells from a marrow that leukaemia crowds out.
//
// Neutrophils, lymphocytes: the chain of Friberg 2002 (proliferating pool, three transits, circulating cells, power
// feedback). Platelets: the same chain with the saturating feedback of Panetta 2024, or with the power feedback. Red
// cells: one progenitor step and four life-span compartments (Agoram 2006). Drugs take a fraction E of proliferation
// away. Normal marrow n (share of its capacity) regrows logistically in the room that leukaemia leaves, and sets the
// point that feedback steers to: n * baseline. Time is days, counts 10^9/L, haemoglobin g/dL.
//
// A step of h days goes through its middle. Behind the proliferating pool P a line is linear, so that circulating cells
// barely feel what P does within the step: they are foreseen with P held still, the feedback follows from them, ln P
// from the feedback and from the mean effects of both halves (and from how the two change together), and the rest of
// the line exactly from P as a parabola through the start, the middle and the end (weights from `line_weights`).
#pragma once
#include "kinetics.hpp"
#include "words.hpp"

namespace remission {

constexpr Real MAX_FEEDBACK = 5.0;  // bound of the power feedback after long aplasia
constexpr Real FLOOR = 1e-6;        // counts never fall below one cell in a litre of 1e9

// states of a line; FEEDBACK: (n C0 / C)^gamma at C = FORESEEN, the circulating cells that the last step foresaw
enum : int { PROLIFERATING, TRANSIT_1, TRANSIT_2, TRANSIT_3, CIRCULATING, FEEDBACK, FORESEEN };
constexpr int STATE_ROWS = 7;
constexpr int WEIGHT_ROWS = 25;
// Rows of weights: cells in the middle (of P, the transits and C) 0-4, at the end 5 of P and 6-9, passing down by one,
// two, three transits 10-12, then for each of the four compartments the parabola's three: 13-24

// Fill the weights (WEIGHT_ROWS, L) of a line P -> three transits -> C for a step of h days:
// dA/dt = transit (P - A), ..., dC/dt = gain D - loss C; rates per day.
inline void line_weights(const Real* transit, const Real* gain, const Real* loss, Real h, Real* out) {
  const int n = 7;  // the four compartments, and P with its first and second derivative
  Matrices a(n), whole(n);
  for (int l = 0; l < LANES; ++l) {
    const Real k = transit[l];
    for (int i = 0; i < 3; ++i) {
      a.at(i, i)[l] = -k;
      a.at(i, i == 0 ? 4 : i - 1)[l] = k;
    }
    a.at(3, 3)[l] = -loss[l];
    a.at(3, 2)[l] = gain[l];
    a.at(4, 5)[l] = 1.0;
    a.at(5, 6)[l] = 1.0;
  }
  Integrals half(a);
  half.fill(0.5 * h, 4, false);  // rates of a few a day
  matmul(half.phi, half.phi, whole, half.reach.whole, half.reach.whole);
  auto put = [&](int row, const Real* x) { std::copy_n(x, LANES, out + row * LANES); };
  put(0, half.phi.at(3, 4));
  put(5, whole.at(3, 4));
  for (int i = 0; i < 4; ++i) {
    put(1 + i, half.phi.at(3, i));
    put(6 + i, whole.at(3, i));
  }
  for (int i = 0; i < 3; ++i) put(10 + i, whole.at(i, 0));
  // P(s) = P0 + s (4 Pm - 3 P0 - P1) / h + s^2 / 2 * 4 (P0 - 2 Pm + P1) / h^2
  for (int i = 0; i < 4; ++i)
    for (int l = 0; l < LANES; ++l) {
      const Real slope = whole.at(i, 5)[l] / h, bend = 4.0 * whole.at(i, 6)[l] / (h * h);
      out[(13 + 3 * i) * LANES + l] = whole.at(i, 4)[l] - 3.0 * slope + bend;
      out[(14 + 3 * i) * LANES + l] = 4.0 * slope - 2.0 * bend;
      out[(15 + 3 * i) * LANES + l] = bend - slope;
    }
}

// Fill the weights of red cells: the effect of compartment j <= i on compartment i over h days, packed by lower triangle
// (15 rows), then of production in the first and in the second half (5 + 5).
inline void life_span_weights(const Real* rate, const Real* ageing, Real h, Real* out) {
  const int n = 5;
  Matrices a(n), whole(n), early(n);
  for (int l = 0; l < LANES; ++l) {
    const Real tau = 1.0 / rate[l];
    a.at(0, 0)[l] = -1.0 / tau;
    a.at(1, 0)[l] = 1.0 / tau;
    for (int i = 1; i < n; ++i) {
      a.at(i, i)[l] = -ageing[l];
      if (i > 1) a.at(i, i - 1)[l] = ageing[l];
    }
  }
  Integrals half(a);
  half.fill(0.5 * h, 4, false);
  matmul(half.phi, half.phi, whole, half.reach.whole, half.reach.whole);
  matmul(half.phi, half.m, early, half.reach.whole, half.reach.whole);
  int row = 0;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) std::copy_n(whole.at(i, j), LANES, out + row++ * LANES);
    std::copy_n(early.at(i, 0), LANES, out + (15 + i) * LANES);
    std::copy_n(half.m.at(i, 0), LANES, out + (20 + i) * LANES);
  }
}

struct Foreseen {
  Real middle, end, rest;
};

// Circulating cells in the middle and at the end with P held still, and the end's part that P has nothing to do with.
inline Foreseen foreseen(const Real* w, int l, Real p0, Real a, Real b, Real d, Real c) {
  const Real mid = w[l] * p0 + w[LANES + l] * a + w[2 * LANES + l] * b + w[3 * LANES + l] * d + w[4 * LANES + l] * c;
  const Real rest = w[6 * LANES + l] * a + w[7 * LANES + l] * b + w[8 * LANES + l] * d + w[9 * LANES + l] * c;
  return {mid, w[5 * LANES + l] * p0 + rest, rest};
}

// P and the line behind it at the end of the step, P as the parabola through p0, pm and p1.
inline void behind(Real* s, const Real* w, int l, Real p0, Real pm, Real p1, Real a, Real b, Real d, Real rest) {
  const Real t0 = w[10 * LANES + l], t1 = w[11 * LANES + l], t2 = w[12 * LANES + l];
  s[l] = p1;
  s[LANES + l] =
      larger(t0 * a + w[13 * LANES + l] * p0 + w[14 * LANES + l] * pm + w[15 * LANES + l] * p1, FLOOR);
  s[2 * LANES + l] =
      larger(t0 * b + t1 * a + w[16 * LANES + l] * p0 + w[17 * LANES + l] * pm + w[18 * LANES + l] * p1, FLOOR);
  s[3 * LANES + l] = larger(
      t0 * d + t1 * b + t2 * a + w[19 * LANES + l] * p0 + w[20 * LANES + l] * pm + w[21 * LANES + l] * p1, FLOOR);
  s[4 * LANES + l] =
      larger(rest + w[22 * LANES + l] * p0 + w[23 * LANES + l] * pm + w[24 * LANES + l] * p1, FLOOR);
}

struct Edges {
  Real start, middle, end;
};

// An effect at the edges of a step's halves, from its means in both: as if it fell or rose by the same factor in each.
inline Edges edges(Real first, Real second) {
  const Real a = larger(first, 1e-12), b = larger(second, 1e-12), middle = std::sqrt(a * b);
  return {a * a / middle, middle, b * b / middle};
}

// A pool that drugs have taken to its floor begins to grow again within a half step, when its rate per day (r0 at the
// start, r1 at the end, linear between) turns positive: it is then at least the floor and what has grown since.
inline Real regrown(Real r0, Real r1, Real h) {
  const Real rise = r0 < 0.0 && r1 > 0.0 ? 0.5 * h * r1 * r1 / (r1 - r0) : 0.0;
  return FLOOR * (1.0 + rise * (1.0 + rise * (0.5 + rise * (1.0 / 6.0))));
}

// One step of h days of a line with the power feedback F = (n C0 / C)^gamma. s: STATE_ROWS of it, w: its weights;
// first, second: mean effects of both halves; n0, nm, n1: normal marrow at the start, in the middle and at the end;
// rate: of P and the transits, per day.
inline void power_chain(Real* __restrict s, const Real* __restrict w, const Real* __restrict first,
                        const Real* __restrict second, const Real* __restrict n0, const Real* __restrict nm,
                        const Real* __restrict n1, const Real* __restrict rate, const Real* __restrict gamma, Real h) {
#pragma GCC ivdep
  for (int l = 0; l < LANES; ++l) {
    const Real p0 = s[l], a = s[LANES + l], b = s[2 * LANES + l], d = s[3 * LANES + l];
    const Real c = s[4 * LANES + l], f0 = s[5 * LANES + l], seen = s[6 * LANES + l];
    const Foreseen x = foreseen(w, l, p0, a, b, d, c);
    const Real fm = f0 * near_power(nm[l] * seen, n0[l] * x.middle, gamma[l]);
    const Real f1 = fm * near_power(n1[l] * x.middle, nm[l] * x.end, gamma[l]);
    const Real u0 = smaller(f0, MAX_FEEDBACK), um = smaller(fm, MAX_FEEDBACK), u1 = smaller(f1, MAX_FEEDBACK);
    const Real z = 0.5 * h * rate[l];
    const Real both = 1.0 + (second[l] - first[l]) * (u1 - u0) * (1.0 / 24.0);
    const Edges e = edges(first[l], second[l]);
    const Real r0 = rate[l] * ((1.0 - e.start) * u0 - 1.0), rm = rate[l] * ((1.0 - e.middle) * um - 1.0);
    const Real r1 = rate[l] * ((1.0 - e.end) * u1 - 1.0);
    Real pm = p0 * exp_small(z * ((1.0 - first[l]) * (5.0 * u0 + 8.0 * um - u1) * (1.0 / 12.0) - both));
    pm = larger(pm, regrown(r0, rm, 0.5 * h));
    Real p1 = pm * exp_small(z * ((1.0 - second[l]) * (8.0 * um + 5.0 * u1 - u0) * (1.0 / 12.0) - both));
    p1 = larger(p1, regrown(rm, r1, 0.5 * h));
    behind(s, w, l, p0, pm, p1, a, b, d, x.rest);
    s[5 * LANES + l] = f1;
    s[6 * LANES + l] = x.end;
  }
}

// As `power_chain` with proliferation growth (1 - E) KM / (KM + C), KM = half * n, and loss `transit` of P.
inline void saturating_chain(Real* __restrict s, const Real* __restrict w, const Real* __restrict first,
                             const Real* __restrict second, const Real* __restrict n0, const Real* __restrict nm,
                             const Real* __restrict n1, const Real* __restrict half, const Real* __restrict growth,
                             const Real* __restrict transit, Real h) {
#pragma GCC ivdep
  for (int l = 0; l < LANES; ++l) {
    const Real p0 = s[l], a = s[LANES + l], b = s[2 * LANES + l], d = s[3 * LANES + l], c = s[4 * LANES + l];
    const Foreseen x = foreseen(w, l, p0, a, b, d, c);
    const Real ka = half[l] * n0[l], kb = half[l] * nm[l], kc = half[l] * n1[l];
    const Real u0 = ka / (ka + c), um = kb / (kb + x.middle), u1 = kc / (kc + x.end);
    const Real g = growth[l], u = 0.5 * h;
    const Real k = transit[l] + g * (second[l] - first[l]) * (u1 - u0) * (1.0 / 24.0);
    const Edges e = edges(first[l], second[l]);
    const Real r0 = g * (1.0 - e.start) * u0 - transit[l], rm = g * (1.0 - e.middle) * um - transit[l];
    const Real r1 = g * (1.0 - e.end) * u1 - transit[l];
    Real pm = p0 * exp_small(u * (g * (1.0 - first[l]) * (5.0 * u0 + 8.0 * um - u1) * (1.0 / 12.0) - k));
    pm = larger(pm, regrown(r0, rm, u));
    Real p1 = pm * exp_small(u * (g * (1.0 - second[l]) * (8.0 * um + 5.0 * u1 - u0) * (1.0 / 12.0) - k));
    p1 = larger(p1, regrown(rm, r1, u));
    behind(s, w, l, p0, pm, p1, a, b, d, x.rest);
  }
}

// One step of haemoglobin: dP/dt = production n (1 - E) - P/tau, then four compartments emptied one into the other, with
// production held at its mean in each half of the step; E is bounded to 0..1.
inline void red_cell_chain(Real* __restrict s, const Real* __restrict w, const Real* __restrict first,
                           const Real* __restrict second, const Real* __restrict n0, const Real* __restrict nm,
                           const Real* __restrict n1, const Real* __restrict production) {
#pragma GCC ivdep
  for (int l = 0; l < LANES; ++l) {
    const Real p = s[l], a = s[LANES + l], b = s[2 * LANES + l], c = s[3 * LANES + l], d = s[4 * LANES + l];
    const Real made = 0.5 * production[l];
    const Real x = made * (n0[l] + nm[l]) * (1.0 - smaller(larger(first[l], 0.0), 1.0));
    const Real y = made * (nm[l] + n1[l]) * (1.0 - smaller(larger(second[l], 0.0), 1.0));
    s[l] = w[l] * p + w[15 * LANES + l] * x + w[20 * LANES + l] * y;
    s[LANES + l] = w[LANES + l] * p + w[2 * LANES + l] * a + w[16 * LANES + l] * x + w[21 * LANES + l] * y;
    s[2 * LANES + l] = w[3 * LANES + l] * p + w[4 * LANES + l] * a + w[5 * LANES + l] * b + w[17 * LANES + l] * x +
                       w[22 * LANES + l] * y;
    s[3 * LANES + l] = w[6 * LANES + l] * p + w[7 * LANES + l] * a + w[8 * LANES + l] * b + w[9 * LANES + l] * c +
                       w[18 * LANES + l] * x + w[23 * LANES + l] * y;
    s[4 * LANES + l] = w[10 * LANES + l] * p + w[11 * LANES + l] * a + w[12 * LANES + l] * b + w[13 * LANES + l] * c +
                       w[14 * LANES + l] * d + w[19 * LANES + l] * x + w[24 * LANES + l] * y;
  }
}

// dn/dt = rho n (1 - n - omega l) - kill n: one Runge-Kutta step of the growth between two halves of the kill (of stem
// cells, by conditioning), with l = leukaemic cells / capacity at the start, in the middle and at the end. Fills n_new and
// n_mid, n in the middle (Hermite's cubic).
inline void normal_marrow(const Real* __restrict n, const Real* __restrict load0, const Real* __restrict load_mid,
                          const Real* __restrict load1, const Real* __restrict rho, const Real* __restrict omega,
                          const Real* __restrict kill, Real h, Real* __restrict n_mid, Real* __restrict n_new) {
#pragma GCC ivdep
  for (int l = 0; l < LANES; ++l) {
    const Real r = rho[l], w = omega[l], k = kill[l];
    const Real la = w * load0[l], lc = w * load1[l], lb = w * load_mid[l];
    const Real kept = exp_small(-0.5 * h * k), start = n[l] * kept;
    const Real k1 = r * start * (1.0 - start - la);
    Real m = start + 0.5 * h * k1;
    const Real k2 = r * m * (1.0 - m - lb);
    m = start + 0.5 * h * k2;
    const Real k3 = r * m * (1.0 - m - lb);
    m = start + h * k3;
    const Real k4 = r * m * (1.0 - m - lc);
    // leukaemia alone does not take it below 1e-4
    const Real last = larger(start + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4), smaller(start, 1e-4));
    const Real k5 = r * last * (1.0 - last - lc);
    n_new[l] = last * kept;
    n_mid[l] = 0.5 * (start + last) + 0.125 * h * (k1 - k5);
  }
}

}  // namespace remission
