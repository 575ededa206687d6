// Leukaemia, normal marrow and blood over one day, all lanes at once.
#pragma once
#include "block.hpp"
#include "effects.hpp"
#include "living.hpp"

namespace remission {

constexpr Int EXACT_FEEDBACK_DAYS = 32;  // the feedback, carried as a state, is brought back to the exact power so often

// load = leukaemic cells of these clones over the marrow's capacity.
inline Wide load_of(const Rows& cells, const std::vector<Int>& clones, Wide capacity) {
  Wide sum = {};
  for (Int c : clones) sum += load_row(cells, 2 * c) + load_row(cells, 2 * c + 1);
  return sum / capacity;
}

// Those that seed the CNS: some clones stay where they are.
inline Wide sowing(const Block& b) {
  Wide sum = {};
  for (Int c : b.work.alive)
    sum += b.lay.clone_sows[c] * (load_row(b.flesh.cells, 2 * c) + load_row(b.flesh.cells, 2 * c + 1));
  return sum;
}

// Has any patient of the block cells of this clone?
inline bool alive(const Rows& cells, Int clone) {
  return any((load_row(cells, 2 * clone) > 0.0) | (load_row(cells, 2 * clone + 1) > 0.0));
}

// Factor on birth: 1 - (load / packing)^power, power 1, 2 or 4.
inline Wide crowding(Wide load, Real packing, Int power) {
  Wide x = load / packing;
  if (power > 1) x *= x;
  if (power > 2) x *= x;
  return larger(1.0 - x, 0.0);
}

constexpr Real LITTLE_LOAD = 1e-3;  // below this what the load does within a step is nothing to the crowding

// Of cells in the middle of a half bin: how many are left of those that an even fall would leave.
inline Wide faster_at_first(Wide fall) { return 1.0 - fall * (1.0 - 0.5 * fall); }

// What drugs do to the leukaemia over a step: their kill of cycling and of resting cells, a row a pool, `apart` rows from each
// other; of the load in the middle, as kill wears off.
struct Kill {
  const Real *cycling, *resting;
  Int apart;
  const Real* fall;
  Wide of_cycling(Int pool) const { return load(cycling + pool * apart * LANES); }
  Wide of_resting(Int pool) const { return load(resting + pool * apart * LANES); }
};

// All clones in marrow over h days from load `from` on; the load in the middle and, in the row after `from`, at the end.
inline void leukaemia_step(Block& b, const Kill& kill, Int from, Real h) {
  const Layout& lay = b.lay;
  const Lanes& q = b.q;
  Work& w = b.work;
  DayMeans& day = b.day;
  Rows& cells = b.flesh.cells;
  if (w.alive.empty()) {  // the rows of the load are empty
    store(day.birth.row(0), load_row(day.birth, 0) + h);
    return;
  }
  const Real packing = b.setting(S_PACKING);
  const Wide load0 = load_row(w.load, from), death = load_row(q.death, 0);
  auto birth = [&](Int c) { return load_row(q.birth, c) * load_row(b.flesh.faster, c); };
  auto add = [](Rows& to, Int i, Wide more) { store(to.row(i), load_row(to, i) + more); };
  Wide kill_cyc = {}, kill_rest = {};
  const Int pools = lay.pools();
  for (Int k : w.pools) {  // kill rates of all drugs, for a clone that nothing spares
    kill_cyc += kill.of_cycling(k);
    kill_rest += kill.of_resting(k);
  }
  for (Int c : w.alive) {
    Wide cyc = kill_cyc, rest = kill_rest;
    const Wide own = load_row(q.felt, c);  // times what the patient's clone feels of what it feels less
    const Real* feels = lay.clone_kill.data + c * pools;
    for (Int k : w.pools) {
      const Real felt = feels[k];
      if (felt == 1.0) continue;
      const Wide spared = larger(1.0 - felt * own, 0.0);
      cyc -= spared * kill.of_cycling(k);
      rest -= spared * kill.of_resting(k);
    }
    store(w.kill.row(2 * c), cyc);
    store(w.kill.row(2 * c + 1), rest);
  }
  // crowding by the load in the middle of the step, from the growth now
  Wide crowd = crowding(load0, packing, lay.power_of_load);
  if (const WideInt much = load0 >= LITTLE_LOAD; any(much)) {
    Wide grows = {};  // cells/day, of all clones
    for (Int c : w.alive)
      grows += (birth(c) * crowd - death - load_row(w.kill, 2 * c)) * load_row(cells, 2 * c) -
               load_row(w.kill, 2 * c + 1) * load_row(cells, 2 * c + 1);
    const Wide all = load0 * load_row(q.capacity, 0), midway = load0 * exp_small(0.5 * h * (much ? grows / all : Wide{}));
    crowd = much ? crowding(midway, packing, lay.power_of_load) : crowd;
  }
  add(day.birth, 0, crowd * h);
  const Wide before = load_row(cells, 0), rests = load_row(b.flesh.rests, 0);
  for (Int c : w.alive) {
    const Wide cyc = load_row(w.kill, 2 * c), rest = load_row(w.kill, 2 * c + 1);
    add(day.cyc, c, cyc * h);
    add(day.rest, c, rest * h);
    clone_step(cells.row(2 * c), cells.row(2 * c + 1), crowd, birth(c), death, load_row(q.to_rest, c) * rests,
               load_row(q.wake, 0), cyc, rest, h);
  }
  add(day.births, 0, birth(0) * crowd * (0.5 * h * (before + load_row(cells, 0))));
  const Wide load1 = load_of(cells, w.alive, load_row(q.capacity, 0));
  store(w.load.row(from + 1), load1);
  // the load in the middle, if it falls as an exponential, and more at first as drugs wear off
  store(w.load_mid.row(from), root(load0 * load1) * faster_at_first(load(kill.fall)));
}

// How much less of the main clone is there in the middle of each half bin, since drugs kill more at its start than at its
// end: an eighth of the change of the rate.
inline void kill_wears_off(Block& b, Real h) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  const Int halves = lay.halves();
  for (Int j = 0; j < halves; ++j) {
    const Int at = std::min(j, halves - 2);
    Wide fall = {};
    for (Int k : w.pools) {
      const Real* kill = w.k_cyc.row(k * halves + at);
      fall += lay.clone_kill[k] * (load(kill) - load(kill + LANES));
    }
    store(w.fall.row(j), smaller(larger(fall, 0.0) * (0.125 * h), 0.5));
  }
}

constexpr Real SHORT = 0.01;  // below it the mean of an exponential is three terms of its series

// Blasts in the CNS over h days: those of the morning, and apart from them those that have come since, seeded evenly
// through the step: what grows or is killed of these has its exact mean, as kill may leave little of a step's first ones.
inline void cns_step(Block& b, Wide kill, const Real* fall, Int from, Real h) {
  Work& w = b.work;
  const Wide x = h * (load_row(b.q.cns_birth, 0) - b.setting(S_CNS_DEATH) - kill);
  const Wide left = exp_wide(x), stays = (x > SHORT) | (x < -SHORT) ? (left - 1.0) / x : 1.0 + x * (0.5 + x * (1.0 / 6.0));
  const Wide u = load_row(w.sown, from), v = sowing(b), middle = root(u * v) * faster_at_first(load(fall));
  store(w.sown.row(from + 1), v);
  const Wide came = load_row(b.q.seeding, 0) * (h * (1.0 / 6.0)) * (u + 4.0 * middle + v);
  store(b.flesh.cns.row(0), load_row(b.flesh.cns, 0) * left);
  store(b.day.flux.row(0), load_row(b.day.flux, 0) * left + came * stays);
  store(b.day.cns.row(0), load_row(b.day.cns, 0) + h * kill);
}

// Effects in the panels of every slot in which a sharp dose was given: the slot's own, with sharp drugs as they really
// rise and fall.
inline void sharp_effects(Block& b) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  const Int slots = lay.slots();
  w.sharp = false;
  for (Int k = 0; k < slots; ++k) {
    if (!b.drugs.sharp_on[k]) continue;
    w.sharp = true;
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

// Normal marrow in the middle of the two slots of half bin `part` of a step of the lines, in whom conditioning kills it.
inline void fall_of_marrow(Block& b, Int j, int part) {
  Work& w = b.work;
  const Wide start = load_row(b.flesh.room, 0), middle = load_row(w.n, 3), end = load_row(w.n, 2);
  const auto killed = load_row(w.k_stem, j) > 0.0;
  store(w.room.row(2 * part), killed ? root(start * middle) : Wide{});
  store(w.room.row(2 * part + 1), killed ? root(middle * end) : Wide{});
}

// One line over the slots from `first` on, h days each.
inline void line_step(Block& b, int line, Int first, Real h, bool conditioned, WideInt gone) {
  const Lanes& q = b.q;
  const Work& work = b.work;
  const Int slots = b.lay.slots();
  Real* s = b.flesh.line.row(line * STATE_ROWS);
  const Real* w = b.drugs.line_weight.row(line * WEIGHT_ROWS);
  const Real *n0 = work.n.row(0), *nm = work.n.row(1), *n1 = work.n.row(2);
  Effects effects{work.e_line.row(line * slots + first), first > 0, first + LINE_SLOTS < slots, {}, gone,
                  conditioned ? work.room.row(0) : nullptr};
  for (int k = 0; work.sharp && k < LINE_SLOTS; ++k)
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
    case LIFE_SPAN:
      red_cell_chain(s, w, effects, n0, nm, n1,
                     {q.line_gain.row(line), q.line_growth.row(line), q.line_feedback.row(line), q.line_transit.row(line),
                      q.line_loss.row(line)},
                     h);
      break;
    default: break;
  }
}

// Where little leukaemia is left and nothing kills it faster than this a day, one step a day is enough: what wakes within
// it feels kill for half of the day on average. Much of it is never calm: one step a day of what it crowds out, and of
// itself as it nears the packing of the marrow, was the largest error of counts under bridging chemotherapy (3.8e-3).
constexpr Real CALM_KILL = 0.5, CALM_KILL_IN_CNS = 0.15;

// Those (-1) whose leukaemia and normal marrow have a calm day, and the day's mean kills.
inline WideInt calm_today(Block& b) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  const Int halves = lay.halves();
  if (lay.slots() != STEPS) return WideInt{};  // in finer steps there are no calm days
  const Real each = 1.0 / static_cast<Real>(halves);
  auto mean = [&](const Rows& x, Int first, Int number) {
    Wide sum = {};
    for (Int j = 0; j < number; ++j) sum += load_row(x, first + j);
    return sum;
  };
  Wide cycling = {}, resting = {}, fall = {};
  for (Int k : w.pools) {
    const Wide first = mean(w.k_cyc, k * halves, halves / 2), last = mean(w.k_cyc, k * halves + halves / 2, halves / 2);
    const Wide c = (first + last) * each, r = mean(w.k_rest, k * halves, halves) * each;
    store(w.calm_kill.row(2 * k), c);
    store(w.calm_kill.row(2 * k + 1), r);
    cycling += c;
    resting += r;
    fall += lay.clone_kill[k] * (first - last);
  }
  const Wide cns = mean(w.k_cns, 0, halves) * each, load = load_row(w.load, 0);
  store(w.calm_cns.row(0), cns);
  store(w.calm_cns.row(1), smaller(larger(fall * (4.0 * each), 0.0) * 0.125, 0.5));
  WideInt calm = (load == 0.0) | ((load < LITTLE_LOAD) & (cycling < CALM_KILL) & (resting < CALM_KILL) & (cns < CALM_KILL_IN_CNS));
  for (Int j = 0; w.on_living && j < halves; ++j) calm &= ~(load_row(w.k_stem, j) > 0.0);
  return calm;
}

// What a day of the leukaemia changes, row after row.
template <class F>
void of_leukaemia(Block& b, F f) {
  const Int clones = b.lay.clones();
  Int at = 0;
  auto rows = [&](Rows& x, Int number) {
    for (Int i = 0; i < number; ++i) f(x.row(i), b.work.calm_end.row(at++));
  };
  rows(b.flesh.cells, 2 * clones);
  rows(b.flesh.cns, 1);
  rows(b.day.cyc, clones);
  rows(b.day.rest, clones);
  for (Rows* x : {&b.day.birth, &b.day.births, &b.day.cns, &b.day.flux}) rows(*x, 1);
}

inline void day_means_anew(Block& b) {
  for (Rows* x : {&b.day.cyc, &b.day.rest}) x->clear(0, b.lay.clones());
  for (Rows* x : {&b.day.birth, &b.day.births, &b.day.cns, &b.day.flux}) x->clear(0, 1);
}

// The calm day of the leukaemia. `all`: it is everybody's; else what has come of it is kept for later.
inline void calm_leukaemia(Block& b, bool in_cns, bool all) {
  Work& w = b.work;
  const Kill kill{w.calm_kill.row(0), w.calm_kill.row(1), 2, w.calm_cns.row(1)};
  leukaemia_step(b, kill, 0, 1.0);
  if (in_cns) cns_step(b, load_row(w.calm_cns, 0), kill.fall, 0, 1.0);
  copy_rows(w.calm_load, 0, w.load, 0, 2);
  copy_rows(w.calm_load, 2, w.load_mid, 0, 1);
  if (all) return;
  of_leukaemia(b, [](const Real* x, Real* kept) { store(kept, load(x)); });
  copy_rows(b.flesh.cells, 0, b.day.before, 0, 2 * b.lay.clones());
  copy_rows(b.flesh.cns, 0, b.day.cns_before, 0, 1);
  day_means_anew(b);
}

// Normal marrow of a calm day over step `number` of the lines (of two), into w.calm_n: in the middle and at the end.
inline void calm_marrow(Block& b, int number) {
  Work& w = b.work;
  const Wide start = load_row(w.calm_load, 0), end = load_row(w.calm_load, 1), middle = load_row(w.calm_load, 2);
  alignas(64) Real at[3][LANES];
  store(at[0], number == 0 ? start : middle);
  store(at[1], root(middle * (number == 0 ? start : end)));
  store(at[2], number == 0 ? middle : end);
  const Wide none = {};
  alignas(64) Real kill[LANES];
  store(kill, none);
  normal_marrow(b.flesh.room.row(0), at[0], at[1], at[2], b.flesh.rho.row(0), b.q.omega.row(0), kill, 0.5,
                w.calm_n.row(0), w.calm_n.row(1));
}

inline void body_of_day(Block& b) {
  const Layout& lay = b.lay;
  Work& w = b.work;
  DayMeans& day = b.day;
  Flesh& flesh = b.flesh;
  const Real half = 1.0 / static_cast<Real>(lay.halves()), slot = 1.0 / static_cast<Real>(lay.slots());
  copy_rows(day.before, 0, flesh.cells, 0, 2 * lay.clones());
  day_means_anew(b);
  copy_rows(day.cns_before, 0, flesh.cns, 0, 1);
  w.alive.clear();
  for (Int c = 0; c < lay.clones(); ++c)
    if (alive(flesh.cells, c)) w.alive.push_back(c);
  store(w.sown.row(0), sowing(b));
  store(w.load.row(0), load_of(flesh.cells, w.alive, load_row(b.q.capacity, 0)));
  if (w.alive.empty()) {
    w.load.fill(0.0);
    w.load_mid.fill(0.0);
    w.sown.fill(0.0);
  }
  const bool in_cns = !w.alive.empty() || any(load_row(flesh.cns, 0) != 0.0);  // now or by seeding
  sharp_effects(b);
  auto pools_of_today = [&] {
    w.pools.clear();
    for (std::size_t k = 0; k < w.pool_active.size(); ++k)
      if (w.pool_active[k]) w.pools.push_back(static_cast<Int>(k));
  };
  pools_of_today();
  WideInt gone{};
  for (int l = 0; l < LANES; ++l) gone[l] = -Int{b.lane(l).status == DONE};
  bool conditioned = false;
  for (Int j = 0; w.on_living && j < lay.halves(); ++j) conditioned |= any(load_row(w.k_stem, j) > 0.0);
  const WideInt stirred = lay.living == 1 ? stirred_today(b) : WideInt{};
  const bool moved = any(stirred);
  const WideInt calm = (calm_today(b) & ~stirred) | (lay.slots() == STEPS ? gone : WideInt{});
  const bool some_calm = any(calm), all_calm = !any(~calm);
  if (some_calm) calm_leukaemia(b, in_cns, all_calm);
  if (!all_calm && !w.alive.empty()) kill_wears_off(b, half);
  constexpr int PARTS = LINE_SLOTS / 2;  // half bins in a step of the lines; its middle is that of the second
  Wide rooms = {};  // normal marrow in the middle of each half bin, summed
  for (int number = 0; number < lay.halves() / PARTS; ++number) {
    copy_rows(w.n, 0, flesh.room, 0, 1);
    if (some_calm) calm_marrow(b, number);
    Wide midways = {};
    for (int part = 0; part < PARTS && !all_calm; ++part) {
      const Int j = number * PARTS + part;
      if (moved) {
        cells_step(b, j, half);
        pools_of_today();
      }
      leukaemia_step(b, {w.k_cyc.row(j), w.k_rest.row(j), lay.halves(), w.fall.row(j)}, j, half);
      if (in_cns) cns_step(b, load_row(w.k_cns, j), w.fall.row(j), j, half);
      normal_marrow(flesh.room.row(0), w.load.row(j), w.load_mid.row(j), w.load.row(j + 1), flesh.rho.row(0),
                    b.q.omega.row(0), w.k_stem.row(j), half, w.n.row(3), w.n.row(2));
      if (part == PARTS / 2) copy_rows(w.n, 1, w.n, 3, 1);
      if (conditioned) [[unlikely]] fall_of_marrow(b, j, part);
      copy_rows(flesh.room, 0, w.n, 2, 1);
      midways += load_row(w.n, 3);
      if (moved) immunity_step(b, j, half, stirred);
    }
    if (some_calm) {
      for (int i = 0; i < 2; ++i)
        store(w.n.row(1 + i), calm ? load_row(w.calm_n, i) : load_row(w.n, 1 + i));
      midways = calm ? static_cast<Real>(PARTS) * load_row(w.calm_n, 0) : midways;
      copy_rows(flesh.room, 0, w.n, 2, 1);
    }
    for (int i = 0; i < LINES; ++i) line_step(b, i, number * LINE_SLOTS, slot, conditioned, gone);
    rooms += midways;
  }
  Wide at_end = load_row(w.calm_load, 1);
  if (!all_calm) {
    if (some_calm) of_leukaemia(b, [calm](Real* x, const Real* kept) { store(x, calm ? load(kept) : load(x)); });
    const Wide other = load_row(w.load, lay.halves());
    at_end = calm ? at_end : other;
  }
  if (lay.living == 1) quiet_immunity(b, stirred, rooms * half);
  const Real kept = 1.0 - b.setting(S_PLT_POOL_LOSS);
  store(flesh.pool.row(0), load_row(flesh.pool, 0) * kept);
  store(flesh.total.row(0), at_end * load_row(b.q.capacity, 0));
  for (int l = 0; l < LANES; ++l)
    if (b.today[l] % EXACT_FEEDBACK_DAYS == 0) feedback_anew(b, l);
}

}  // namespace remission
