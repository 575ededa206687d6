// Leukaemia, normal marrow and blood over one day, all lanes at once.
#pragma once
#include "block.hpp"
#include "effects.hpp"
#include "living.hpp"

namespace remission {

constexpr Int EXACT_FEEDBACK_DAYS = 32;  // the feedback, carried as a state, is brought back to the exact power so often

// load = leukaemic cells of all clones over the marrow's capacity.
inline void load_of(const Rows& cells, Int clones, const Real* __restrict capacity, Real* __restrict load) {
  for (int l = 0; l < LANES; ++l) load[l] = 0.0;
  for (Int c = 0; c < 2 * clones; ++c) {
    const Real* some = cells.row(c);
    for (int l = 0; l < LANES; ++l) load[l] += some[l];
  }
  for (int l = 0; l < LANES; ++l) load[l] /= capacity[l];
}

// Has any patient of the block cells of this clone?
inline bool alive(const Rows& cells, Int clone) {
  const Real* x = cells.row(2 * clone);
  Real most = 0.0;
  for (int l = 0; l < 2 * LANES; ++l) most = larger(most, x[l]);
  return most > 0.0;
}

// Factor on birth: 1 - (load / packing)^power, power 1, 2 or 4.
inline void crowding(const Real* __restrict load, Real packing, Int power, Real* __restrict out) {
  for (int l = 0; l < LANES; ++l) {
    Real x = load[l] / packing;
    if (power > 1) x *= x;
    if (power > 2) x *= x;
    out[l] = larger(0.0, 1.0 - x);
  }
}

// All clones in marrow over step j of the day; the load at its start, in its middle and at its end.
inline void leukaemia_step(Block& b, Int j, Real h) {
  const Layout& lay = b.lay;
  const Lanes& q = b.q;
  Work& w = b.work;
  DayMeans& day = b.day;
  Rows& cells = b.flesh.cells;
  const Real packing = b.setting(S_PACKING);
  Real *kill_cyc = w.kill_cyc.row(0), *kill_rest = w.kill_rest.row(0), *crowd = w.crowd.row(0);
  Real *load = w.load.row(0), *load_mid = w.load_mid.row(0), *load_new = w.load_new.row(0);
  w.kill_cyc.fill(0.0);
  w.kill_rest.fill(0.0);
  for (Int k = 0; k < lay.pools(); ++k)  // kill rates of all drugs, for a clone that nothing spares
    if (w.pool_active[k]) {
      const Real *cycling = w.k_cyc.row(k * lay.bins + j), *resting = w.k_rest.row(k * lay.bins + j);
      for (int l = 0; l < LANES; ++l) {
        kill_cyc[l] += cycling[l];
        kill_rest[l] += resting[l];
      }
    }
  crowding(load, packing, lay.power_of_load, crowd);
  {  // the load in the middle of the step, from the growth of the main clone now
    const Real *birth = q.birth.row(0), *death = q.death.row(0);
    for (int l = 0; l < LANES; ++l)
      load_mid[l] = load[l] * exp_small(0.5 * h * (birth[l] * crowd[l] - death[l] - kill_cyc[l]));
  }
  crowding(load_mid, packing, lay.power_of_load, crowd);
  {
    const Real *birth = q.birth.row(0), *main = cells.row(0);
    Real *mean = day.birth.row(0), *births = day.births.row(0);
    for (int l = 0; l < LANES; ++l) {
      mean[l] += crowd[l] * h;
      births[l] += birth[l] * crowd[l] * main[l] * h;
    }
  }
  for (Int c = 0; c < lay.clones(); ++c) {
    if (!alive(cells, c)) continue;
    Real *cyc = w.clone_cyc.row(0), *rest = w.clone_rest.row(0);
    std::copy_n(kill_cyc, LANES, cyc);
    std::copy_n(kill_rest, LANES, rest);
    for (Int k = 0; k < lay.pools(); ++k) {
      const Real felt = lay.clone_kill[c * lay.pools() + k];
      if (!w.pool_active[k] || felt == 1.0) continue;
      const Real spared = 1.0 - felt;
      const Real *cycling = w.k_cyc.row(k * lay.bins + j), *resting = w.k_rest.row(k * lay.bins + j);
      for (int l = 0; l < LANES; ++l) {
        cyc[l] -= spared * cycling[l];
        rest[l] -= spared * resting[l];
      }
    }
    Real *mean_cyc = day.cyc.row(c), *mean_rest = day.rest.row(c);
    for (int l = 0; l < LANES; ++l) {
      mean_cyc[l] += cyc[l] * h;
      mean_rest[l] += rest[l] * h;
    }
    clone_step(cells.row(2 * c), cells.row(2 * c + 1), crowd, q.birth.row(c), q.death.row(0), q.to_rest.row(c),
               q.wake.row(0), cyc, rest, h);
  }
  load_of(cells, lay.clones(), q.capacity.row(0), load_new);
  for (int l = 0; l < LANES; ++l) load_mid[l] = std::sqrt(load[l] * load_new[l]);
}

// Blasts in the CNS over step j: those of the morning, and apart from them those that have come since, seeded through the
// step, so half a step of growth or kill on average.
inline void cns_step(Block& b, Int j, Real h) {
  const Work& w = b.work;
  const Real birth = b.setting(S_CNS_BIRTH), death = b.setting(S_CNS_DEATH), seeding = b.setting(S_SEED);
  const Real *kill = w.k_cns.row(j), *load0 = w.load.row(0), *load_mid = w.load_mid.row(0);
  const Real *load1 = w.load_new.row(0), *capacity = b.q.capacity.row(0);
  Real *cns = b.flesh.cns.row(0), *flux = b.day.flux.row(0), *mean_kill = b.day.cns.row(0);
  for (int l = 0; l < LANES; ++l) {
    const Real half = exp_small(0.5 * h * (birth - death - kill[l]));
    const Real came = seeding * h / 6.0 * (load0[l] + 4.0 * load_mid[l] + load1[l]) * capacity[l];
    cns[l] *= half * half;
    flux[l] = (flux[l] * half + came) * half;
    mean_kill[l] += h * kill[l];
  }
}

// One line over a step (or a panel of it) of h days: early and late effects, weights of that width.
inline void line_step(Block& b, int line, Int weights, const Real* early, const Real* late, const Rows& n, Real h) {
  const Lanes& q = b.q;
  Real* s = b.flesh.line.row(line * STATE_ROWS);
  const Real *w = b.drugs.line_weight.row(weights), *n0 = n.row(0), *nm = n.row(1), *n1 = n.row(2);
  switch (b.lay.line_kind[line]) {
    case POWER:
      power_chain(s, w, early, late, n0, nm, n1, q.line_transit.row(line), q.line_feedback.row(line), h);
      break;
    case SATURATING:
      saturating_chain(s, w, early, late, n0, nm, n1, q.line_feedback.row(line), q.line_growth.row(line),
                       q.line_transit.row(line), h);
      break;
    case LIFE_SPAN: red_cell_chain(s, w, early, late, n0, nm, n1, q.production.row(0)); break;
    default: break;
  }
}

// Red cells cannot lose more than all of production: the bound is on the sum of all drugs in every two hours.
inline void bound_red_cells(Block& b) {
  const Int bins = b.lay.bins;
  for (Int half = 0; half < 2 * bins; ++half) {
    Real* o = b.work.e_line.row(2 * bins * RED_CELLS + half);
    const Real *u = b.work.e_red.row(2 * half), *v = b.work.e_red.row(2 * half + 1);
    for (int l = 0; l < LANES; ++l) o[l] = 0.5 * (smaller(1.0, u[l]) + smaller(1.0, v[l]));
  }
}

inline Int sharp_slot(int half) {  // of two hours, in which a half of a panel lies
  const int panel = half / 2, from = SHARP[panel], to = SHARP[panel + 1];
  return static_cast<Int>((from + (to - from) * (half % 2) / 2.0) * SLOTS_PER_BIN / SHARP_END);
}

// Effects in the halves of the panels of step j: the step's own, with sharp drugs as they really rise and fall. The bound
// on the red cells' is taken half by half.
inline void sharp_effects(Block& b, Int j) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  const Int bins = lay.bins;
  for (int target = 0; target < LINES; ++target)
    for (int p = 0; p < HALVES; ++p) {
      const Int half = 2 * j + (p < HALVES - 2 ? 0 : 1);  // the panels up to the middle of the step make its first half
      if (target == RED_CELLS)
        copy_rows(w.e_sharp, target * HALVES + p, w.e_red, SLOTS_PER_BIN * j + sharp_slot(p), 1);
      else
        copy_rows(w.e_sharp, target * HALVES + p, w.e_line, target * 2 * bins + half, 1);
    }
  for (const Shape& s : lay.shapes) {
    if (s.sharp < 0 || !b.drugs.sharp_agent[s.agent * bins + j]) continue;
    const Real* given = b.drugs.sharp_given.row(s.agent * bins + j);
    for (Int m = s.first; m < s.last; ++m) {
      const Int i = lay.members[m], target = lay.effect_target[i];
      if (target >= LINES) continue;
      const Real* size = w.size.row(i);
      for (int p = 0; p < HALVES; ++p) {
        Real* o = w.e_sharp.row(target * HALVES + p);
        const Real* u = b.drugs.sharp.row(s.sharp + HALVES * j + p);
        const Int first = s.row + SLOTS_PER_BIN * j;
        const Real* x = b.drugs.shape.row(first + (target == RED_CELLS ? sharp_slot(p) : p < HALVES - 2 ? 0 : 2));
        const Real* y = target == RED_CELLS ? x : x + LANES;
        for (int l = 0; l < LANES; ++l) o[l] += size[l] * given[l] * (u[l] - 0.5 * (x[l] + y[l]));
      }
    }
  }
}

// Lines of patients who were given a sharp dose at the start of step j, through ever wider panels; the others keep what
// they have. line_before: the lines at the start of the step.
inline void sharp_step(Block& b, Int j, Real h) {
  Work& w = b.work;
  Rows& line = b.flesh.line;
  copy_rows(w.line_plain, 0, line, 0, LINES * STATE_ROWS);
  copy_rows(line, 0, w.line_before, 0, LINES * STATE_ROWS);
  sharp_effects(b, j);
  auto room_at = [&](Real share, int row) {  // by the parabola through the step's start, middle and end
    const Real first = (1.0 - share) * (1.0 - 2.0 * share), middle = 4.0 * share * (1.0 - share),
               last = share * (2.0 * share - 1.0);
    for (int l = 0; l < LANES; ++l) w.n_sharp(row, l) = first * w.n(0, l) + middle * w.n(1, l) + last * w.n(2, l);
  };
  for (int k = 0; k < PANELS; ++k) {
    const Real from = SHARP[k] / SHARP_END, to = SHARP[k + 1] / SHARP_END;
    int size = 0;
    while (SHARP_WIDTHS[size] != SHARP[k + 1] - SHARP[k]) ++size;
    room_at(from, 0);
    room_at(0.5 * (from + to), 1);
    room_at(to, 2);
    for (int i = 0; i < LINES; ++i)
      line_step(b, i, (LINES * (1 + size) + i) * WEIGHT_ROWS, w.e_sharp.row(i * HALVES + 2 * k),
                w.e_sharp.row(i * HALVES + 2 * k + 1), w.n_sharp, h * (to - from));
  }
  for (int l = 0; l < LANES; ++l)
    if (!b.drugs.sharp_lane[j * LANES + l])
      for (Int i = 0; i < LINES * STATE_ROWS; ++i) line(i, l) = w.line_plain(i, l);
}

inline void body_of_day(Block& b, Int today) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  DayMeans& day = b.day;
  Flesh& flesh = b.flesh;
  const Real h = 1.0 / static_cast<Real>(lay.bins);
  copy_rows(day.before, 0, flesh.cells, 0, 2 * lay.clones());
  for (Rows* x : {&day.cyc, &day.rest, &day.birth, &day.births, &day.cns, &day.flux}) x->fill(0.0);
  copy_rows(day.cns_before, 0, flesh.cns, 0, 1);
  bound_red_cells(b);
  load_of(flesh.cells, lay.clones(), b.q.capacity.row(0), w.load.row(0));
  for (Int j = 0; j < lay.bins; ++j) {
    if (lay.living == 1) cells_step(b, j, h, today);
    leukaemia_step(b, j, h);
    cns_step(b, j, h);
    copy_rows(w.n, 0, flesh.room, 0, 1);
    normal_marrow(flesh.room.row(0), w.load.row(0), w.load_mid.row(0), w.load_new.row(0), flesh.rho.row(0),
                  b.q.omega.row(0), w.k_stem.row(j), h, w.n.row(1), w.n.row(2));
    const bool sharp = b.drugs.sharp_on[j];
    if (sharp) copy_rows(w.line_before, 0, flesh.line, 0, LINES * STATE_ROWS);
    for (int i = 0; i < LINES; ++i) {
      const Int early = 2 * (lay.bins * i + j);
      line_step(b, i, i * WEIGHT_ROWS, w.e_line.row(early), w.e_line.row(early + 1), w.n, h);
    }
    if (sharp) sharp_step(b, j, h);
    if (lay.living == 1) immunity_step(b, j, h);
    copy_rows(flesh.room, 0, w.n, 2, 1);
    copy_rows(w.load, 0, w.load_new, 0, 1);
  }
  const Real kept = 1.0 - b.setting(S_PLT_POOL_LOSS);
  for (int l = 0; l < LANES; ++l) {
    flesh.pool(0, l) *= kept;
    flesh.total(0, l) = w.load(0, l) * b.q.capacity(0, l);
  }
  if (today % EXACT_FEEDBACK_DAYS == 0)
    for (int i = 0; i < LINES; ++i)
      if (lay.line_kind[i] == POWER)
        for (int l = 0; l < LANES; ++l) {
          const Real cells = b.circulating(i, l);
          flesh.line(i * STATE_ROWS + FEEDBACK, l) =
              std::pow(flesh.room(0, l) * b.q.line_base(i, l) / cells, b.q.line_feedback(i, l));
          flesh.line(i * STATE_ROWS + FORESEEN, l) = cells;
        }
}

}  // namespace remission
