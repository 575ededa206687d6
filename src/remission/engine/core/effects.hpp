// Drug effects: from the concentrations of a day to rates on targets.
//
// Effects of one driver that differ by a factor only are one shape, whose means over slots of two or four hours kinetics
// has left. Lines feel the means of slots, and where a sharp dose was given those of ever wider panels of its slot; blasts
// those of half a bin.
#pragma once
#include <utility>

#include "block.hpp"

namespace remission {

// Effect of the asparaginase activity x: 1 - N (rest + half) / (rest (N + half)), N the asparagine it leaves at the
// steady state of supply, loss and Michaelis-Menten breakdown: N^2 + N (rest d x + km - rest) - km rest = 0, with rest
// the baseline, d the breakdown per activity over the supply, km the Michaelis constant; half is N at half effect.
inline Wide asparagine(Wide x, Wide half, Wide rest, Wide d, Wide km) {
  const Wide p = rest * d * x + km - rest;
  const Wide n = 2.0 * km * rest / (p + root(p * p + 4.0 * km * rest));
  return x > 0.0 ? 1.0 - n * (rest + half) / (rest * (n + half)) : Wide{};
}

// x^power / (half^power + x^power).
inline Wide hill(Wide x, Wide half, Wide power) {
  const Wide value = 1.0 / (1.0 + exp_wide(power * log_wide(half / larger(x, 1e-300))));
  return x > 0.0 ? value : Wide{};
}

// Mean of the Hill function of what has the mean and the variance of u and v: to second order about the mean where they
// are within a sixteenth of it, else its values there.
inline Wide hill_between(Wide u, Wide v, Wide half, Wide power) {
  constexpr Real NEAR = 0.004;  // variance over mean squared
  const Wide mean = 0.5 * (u + v), x = larger(mean, 1e-150), apart = 0.5 * (v - u) / x, by = apart * apart;
  const WideInt far = by > NEAR;
  Wide out = {};
  if (any(~far & (mean > 0.0))) {
    const Wide f = hill(mean, half, power), bends = 0.5 * power * f * (1.0 - f) * (power * (1.0 - 2.0 * f) - 1.0);
    out = f + bends * by;
  }
  if (!any(far)) return out;
  return far ? 0.5 * (hill(u, half, power) + hill(v, half, power)) : out;
}

// x / (half + x), of one value or of two with one division.
struct Emax {
  Wide half;
  Wide operator()(Wide x) const { return x / (half + x); }
};
struct Two {
  Wide u, v;
};
template <class F>
Two both_of(const F& f, Wide u, Wide v) {
  return {f(u), f(v)};
}
inline Two both_of(const Emax& f, Wide u, Wide v) {
  const Wide p = f.half + u, r = f.half + v, under = 1.0 / (p * r);
  return {u * r * under, v * p * under};
}

// then(f), f the shape of effect `i`: its value for a factor of 1 at a value of its driver. half: the concentration of
// half effect.
template <class Then>
void bent(const Lanes& q, Int function, Int i, Wide half, Then then) {
  switch (function) {
    case EMAX: then(Emax{half}); break;
    case LINEAR: then([](Wide x) { return x; }); break;
    case HILL: {
      const Wide power = load_row(q.effect_c, i);
      then([half, power](Wide x) { return hill(x, half, power); });
      break;
    }
    default: {
      const Wide rest = load_row(q.effect_c, i), d = load_row(q.effect_d, i), km = load_row(q.effect_e, i);
      then([half, rest, d, km](Wide x) { return asparagine(x, half, rest, d, km); });
    }
  }
}

// Mean of the shape of effect `i` where its driver has the mean and the variance of u and v.
inline Wide mean_between(const Lanes& q, Int function, Int i, Wide half, Wide u, Wide v) {
  if (function == HILL) return hill_between(u, v, half, load_row(q.effect_c, i));
  Wide mean = {};
  bent(q, function, i, half, [&](auto f) {
    const Two at = both_of(f, u, v);
    mean = 0.5 * (at.u + at.v);
  });
  return mean;
}

// Rows of out += rows of x times the factor.
inline void add_rows(Real* out, const Real* x, Int rows, Wide factor) {
  by_rows(rows, [&](auto number) {
#pragma GCC unroll 12
    for (Int k = 0; k < number; ++k) store(out + k * LANES, load(out + k * LANES) + load(x + k * LANES) * factor);
  });
}

// Rows of out += means of two rows of x each times the factor.
inline void add_means_of_two(Real* out, const Real* x, Int rows, Wide factor) {
  by_rows(rows, [&](auto number) {
#pragma GCC unroll 12
    for (Int k = 0; k < number; ++k)
      store(out + k * LANES,
            load(out + k * LANES) + 0.5 * (load(x + 2 * k * LANES) + load(x + (2 * k + 1) * LANES)) * factor);
  });
}

// Rows of out += means of `each` rows of x (1 or 2) times the factor.
inline void add_means(Real* out, const Real* x, Int rows, int each, Wide factor) {
  if (each == 1)
    add_rows(out, x, rows, factor);
  else
    add_means_of_two(out, x, rows, factor);
}

// Two rows of out += each row of x times the factor.
inline void add_twice(Real* out, const Real* x, Int rows, Wide factor) {
  by_rows(rows, [&](auto number) {
#pragma GCC unroll 12
    for (Int k = 0; k < number; ++k) {
      const Wide more = load(x + k * LANES) * factor;
      store(out + 2 * k * LANES, load(out + 2 * k * LANES) + more);
      store(out + (2 * k + 1) * LANES, load(out + (2 * k + 1) * LANES) + more);
    }
  });
}

inline Wide mean_of(const Real* x, Int rows) {
  Wide sum = {};
  by_rows(rows, [&](auto number) {
#pragma GCC unroll 12
    for (Int k = 0; k < number; ++k) sum += load(x + k * LANES);
  });
  return sum * (1.0 / static_cast<Real>(rows));
}

// Lymphocytes as they flow into the blood from what is on its way, ahead of the step of the lines: what proliferates is
// held.
class Lymphocytes {
 public:
  Lymphocytes(const Block& b, int l)
      : transit_(b.q.line_transit(LYMPHOCYTES, l)), loss_(b.q.line_loss(LYMPHOCYTES, l)),
        inflow_(b.q.line_gain(LYMPHOCYTES, l) / loss_) {
    for (int i = 0; i < 5; ++i) chain_[i] = b.flesh.line(LYMPHOCYTES * STATE_ROWS + PROLIFERATING + i, l);
  }
  // Those in blood after h days more.
  Real after(Real h) {
    const Real left = std::exp(-transit_ * h), kept = std::exp(-loss_ * h);
    Real came = chain_[PROLIFERATING];
    for (int i = TRANSIT_1; i <= TRANSIT_3; ++i) {
      const Real next = came + (chain_[i] - came) * left;
      came = 0.5 * (chain_[i] + next);
      chain_[i] = next;
    }
    came *= inflow_;
    return chain_[CIRCULATING] = came + (chain_[CIRCULATING] - came) * kept;
  }

 private:
  Real transit_, loss_, inflow_, chain_[5];
};

// What needs the patient's T cells is times T / (T + half), by the T cells in the middle of each of its parts of the day.
inline void with_t_cells(Block& b, const Shape& s) {
  const Real h = 0.5 / static_cast<Real>(s.parts);
  for (int l = 0; l < LANES; ++l) {
    Lymphocytes lymphocytes(b, l);
    for (Int k = 0; k < s.parts; ++k) {
      const Real t = lymphocytes.after(h);
      b.drugs.shape(s.row + k, l) *= t / (t + b.q.immune[l].t_half);
      lymphocytes.after(h);
    }
  }
}

// The antagonist's part: each node of a shape times what it leaves, then means of two hours.
inline void answer(Block& b, const Shape& s) {
  const Int slots = b.lay.slots();
  if (b.drugs.acting[s.antagonist])
    for (Int k = 0; k < 2 * slots; ++k) {
      Real* o = b.drugs.shape.row(s.row + k);
      store(o, load(o) * (1.0 - load_row(b.drugs.against, s.answer + k)));
    }
  for (Int k = 0; k < slots; ++k) {
    const Wide u = load_row(b.drugs.shape, s.row + 2 * k), v = load_row(b.drugs.shape, s.row + 2 * k + 1);
    store(b.drugs.shape.row(s.row + k), 0.5 * (u + v));
  }
}

// Add what a shape makes of its drug to everything that it acts on.
inline void effect_of(Block& b, Int g) {
  const Layout& lay = b.lay;
  Work& work = b.work;
  const Int slots = lay.slots(), halves = lay.halves();
  const Shape& s = lay.shapes[g];
  if (b.drugs.by_nodes[g]) answer(b, s);
  if (s.needs == 1) with_t_cells(b, s);
  const bool fine = s.parts == slots;
  const Real* shape = b.drugs.shape.row(s.row);
  Wide mean = {};
  bool known = false;
  const int per = fine ? 2 : 1;
  for (Int m = s.first; m < s.last; ++m) {
    const Felt& felt = work.felt[m];
    const Wide size = load_row(work.size, felt.effect);
    switch (felt.kind) {
      case Felt::LINE:
        if (fine)
          add_means(felt.out, shape, slots, 1, size);
        else
          add_twice(felt.out, shape, slots / 2, size);
        break;
      case Felt::POOL:
        work.pool_active[felt.pool] = 1;
        add_means(work.k_cyc.row(felt.pool * halves), shape, halves, per, size);
        add_means(work.k_rest.row(felt.pool * halves), shape, halves, per, load_row(work.size_rest, felt.effect));
        break;
      case Felt::ON_LIVING: work.on_living = true; [[fallthrough]];
      case Felt::ON_CNS: add_means(felt.out, shape, halves, per, size); break;
      case Felt::BY_DAY:
        if (!known) mean = mean_of(shape, s.parts);
        known = true;
        store(felt.out, load(felt.out) + mean * size);
        break;
      default: break;
    }
  }
}

// Fill the day's effects on cell lines, blasts by drug class, blood, CNS, mobilisation and the daily targets.
inline void effects_of_day(Block& b) {
  const Layout& lay = b.lay;
  Work& work = b.work;
  Flesh& flesh = b.flesh;
  Drugs& drugs = b.drugs;
  const Int slots = lay.slots(), halves = lay.halves();
  work.e_line.clear(0, LINES * slots);
  flesh.k_blood.clear(0, 1);
  work.k_cns.clear(0, halves);
  flesh.mobilised.clear(0, 1);
  flesh.daily.clear(0, flesh.daily.rows());
  if (std::exchange(work.on_living, false))
    for (Rows* x : {&work.k_stem, &work.k_b, &work.released, &work.released_b, &work.freeing, &work.freeing_b}) x->fill(0.0);
  for (Int c = 0; c < lay.pools(); ++c)
    if (work.pool_active[c]) {
      work.pool_active[c] = 0;
      work.k_cyc.clear(c * halves, halves);
      work.k_rest.clear(c * halves, halves);
    }
  for (Int agent : drugs.at_hand) {
    if (!drugs.acting[agent]) continue;
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g)
      if (drugs.touched[g]) effect_of(b, g);
  }
  for (Int i : lay.releasing) {
    const Shape& s = lay.shapes[lay.shape_of[i]];
    if (!drugs.acting[s.agent] || !drugs.touched[lay.shape_of[i]]) continue;
    work.on_living = true;
    const bool on_b = lay.effect_target[i] == ON_B_CELLS;
    const Real* shape = drugs.shape.row(s.row);
    const Wide kill = load_row(work.size, i);
    const Int per = s.parts == slots ? 2 : 1;
    add_means((on_b ? work.freeing_b : work.freeing).row(0), shape, halves, per, kill);
    add_means((on_b ? work.released_b : work.released).row(0), shape, halves, per, kill * load_row(b.q.released, i));
  }
}

}  // namespace remission
