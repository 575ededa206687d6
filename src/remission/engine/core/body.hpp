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

// All clones in marrow over half bin j of the day; the load in its middle and at its end.
inline void leukaemia_step(Block& b, Int j, Real h) {
  const Layout& lay = b.lay;
  const Lanes& q = b.q;
  Work& w = b.work;
  DayMeans& day = b.day;
  Rows& cells = b.flesh.cells;
  const Real packing = b.setting(S_PACKING);
  Real *kill_cyc = w.kill_cyc.row(0), *kill_rest = w.kill_rest.row(0), *crowd = w.crowd.row(0);
  Real *load = w.load.row(j), *load_mid = w.load_mid.row(j), *load_new = w.load.row(j + 1);
  w.kill_cyc.fill(0.0);
  w.kill_rest.fill(0.0);
  for (Int k = 0; k < lay.pools(); ++k)  // kill rates of all drugs, for a clone that nothing spares
    if (w.pool_active[k]) {
      const Real *cycling = w.k_cyc.row(k * lay.halves() + j), *resting = w.k_rest.row(k * lay.halves() + j);
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
      const Real *cycling = w.k_cyc.row(k * lay.halves() + j), *resting = w.k_rest.row(k * lay.halves() + j);
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
  // the load in the middle, if it falls as an exponential, and more at first as drugs wear off
  const Wide fall = load_row(w.fall, j);
  store(load_mid, root(load_row(w.load, j) * load_row(w.load, j + 1)) * (1.0 - fall * (1.0 - 0.5 * fall)));
}

// How much less of the main clone is there in the middle of each half bin, since drugs kill more at its start than at its
// end: an eighth of the change of the rate.
inline void kill_wears_off(Block& b, Real h) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  const Int halves = lay.halves();
  w.fall.fill(0.0);
  for (Int k = 0; k < lay.pools(); ++k) {
    if (!w.pool_active[k]) continue;
    const Real felt = lay.clone_kill[k];
    for (Int j = 0; j < halves; ++j) {
      const Int at = k * halves + std::min(j, halves - 2);
      store(w.fall.row(j), load_row(w.fall, j) + felt * (load_row(w.k_cyc, at) - load_row(w.k_cyc, at + 1)));
    }
  }
  for (Int j = 0; j < halves; ++j)
    store(w.fall.row(j), smaller(larger(load_row(w.fall, j), 0.0) * (0.125 * h), 0.5));
}

// Blasts in the CNS over half bin j: those of the morning, and apart from them those that have come since, seeded through the
// step, so half a step of growth or kill on average.
inline void cns_step(Block& b, Int j, Real h) {
  const Work& w = b.work;
  const Real birth = b.setting(S_CNS_BIRTH), death = b.setting(S_CNS_DEATH), seeding = b.setting(S_SEED);
  const Real *kill = w.k_cns.row(j), *load0 = w.load.row(j), *load_mid = w.load_mid.row(j);
  const Real *load1 = w.load.row(j + 1), *capacity = b.q.capacity.row(0);
  Real *cns = b.flesh.cns.row(0), *flux = b.day.flux.row(0), *mean_kill = b.day.cns.row(0);
  for (int l = 0; l < LANES; ++l) {
    const Real half = exp_small(0.5 * h * (birth - death - kill[l]));
    const Real came = seeding * h / 6.0 * (load0[l] + 4.0 * load_mid[l] + load1[l]) * capacity[l];
    cns[l] *= half * half;
    flux[l] = (flux[l] * half + came) * half;
    mean_kill[l] += h * kill[l];
  }
}

// Effects in the panels of every slot in which a sharp dose was given: the slot's own, with sharp drugs as they really
// rise and fall.
inline void sharp_effects(Block& b) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  const Int slots = lay.slots();
  for (Int k = 0; k < slots; ++k) {
    if (!b.drugs.sharp_on[k]) continue;
    for (int line = 0; line < LINES; ++line)
      for (int p = 0; p < PANELS; ++p) copy_rows(w.e_sharp, (line * slots + k) * PANELS + p, w.e_line, line * slots + k, 1);
    for (const Shape& s : lay.shapes) {
      if (s.sharp < 0 || !b.drugs.sharp_agent[s.agent * slots + k]) continue;
      const Wide given = load(b.drugs.sharp_given.row(s.agent * slots + k)), mean = load(b.drugs.shape.row(s.row + k));
      for (Int m = s.first; m < s.last; ++m) {
        const Int i = lay.members[m], target = lay.effect_target[i];
        if (target >= LINES) continue;
        const Wide size = load(w.size.row(i)) * given;
        for (int p = 0; p < PANELS; ++p) {
          Real* o = w.e_sharp.row((target * slots + k) * PANELS + p);
          store(o, load(o) + size * (load(b.drugs.sharp.row(s.sharp + PANELS * k + p)) - mean));
        }
      }
    }
  }
}

// One line over the slots from `first` on, h days each.
inline void line_step(Block& b, int line, Int first, Real h) {
  const Lanes& q = b.q;
  const Work& work = b.work;
  const Int slots = b.lay.slots();
  Real* s = b.flesh.line.row(line * STATE_ROWS);
  const Real* w = b.drugs.line_weight.row(line * WEIGHT_ROWS);
  const Real *n0 = work.n.row(0), *nm = work.n.row(1), *n1 = work.n.row(2);
  Effects effects{work.e_line.row(line * slots + first), first > 0, first + LINE_SLOTS < slots, {}};
  for (int k = 0; k < LINE_SLOTS; ++k)
    if (b.drugs.sharp_on[first + k])
      effects.sharp[k] = {work.e_sharp.row((line * slots + first + k) * PANELS), b.drugs.sharp_lane.row(first + k)};
  switch (b.lay.line_kind[line]) {
    case POWER:
      power_chain(s, w, effects, n0, nm, n1, q.line_transit.row(line), q.line_feedback.row(line), h);
      break;
    case SATURATING:
      saturating_chain(s, w, effects, n0, nm, n1, q.line_feedback.row(line), q.line_growth.row(line),
                       q.line_transit.row(line), h);
      break;
    case LIFE_SPAN: red_cell_chain(s, w, effects, n0, nm, n1, q.production.row(0)); break;
    default: break;
  }
}

inline void body_of_day(Block& b, Int today) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  DayMeans& day = b.day;
  Flesh& flesh = b.flesh;
  const Real half = 1.0 / static_cast<Real>(lay.halves()), slot = 1.0 / static_cast<Real>(lay.slots());
  copy_rows(day.before, 0, flesh.cells, 0, 2 * lay.clones());
  for (Rows* x : {&day.cyc, &day.rest, &day.birth, &day.births, &day.cns, &day.flux}) x->fill(0.0);
  copy_rows(day.cns_before, 0, flesh.cns, 0, 1);
  load_of(flesh.cells, lay.clones(), b.q.capacity.row(0), w.load.row(0));
  sharp_effects(b);
  kill_wears_off(b, half);
  for (Int j = 0; j < lay.halves(); ++j) {
    const int part = static_cast<int>(j % (LINE_SLOTS / 2));  // half bins in a step of the lines; its middle is that of the second
    if (lay.living == 1) cells_step(b, j, half, today);
    leukaemia_step(b, j, half);
    cns_step(b, j, half);
    if (part == 0) copy_rows(w.n, 0, flesh.room, 0, 1);
    normal_marrow(flesh.room.row(0), w.load.row(j), w.load_mid.row(j), w.load.row(j + 1), flesh.rho.row(0),
                  b.q.omega.row(0), w.k_stem.row(j), half, w.n.row(3), w.n.row(2));
    if (part == LINE_SLOTS / 4) copy_rows(w.n, 1, w.n, 3, 1);
    copy_rows(flesh.room, 0, w.n, 2, 1);
    if (part == LINE_SLOTS / 2 - 1)
      for (int i = 0; i < LINES; ++i) line_step(b, i, 2 * j + 2 - LINE_SLOTS, slot);
    if (lay.living == 1) immunity_step(b, j, half);
  }
  const Real kept = 1.0 - b.setting(S_PLT_POOL_LOSS);
  for (int l = 0; l < LANES; ++l) {
    flesh.pool(0, l) *= kept;
    flesh.total(0, l) = w.load(lay.halves(), l) * b.q.capacity(0, l);
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
