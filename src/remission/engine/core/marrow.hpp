// Blood cells from a marrow that leukaemia crowds out.
//
// Neutrophils, lymphocytes: the chain of Friberg 2002 (proliferating pool, three transits, circulating cells, power
// feedback). Platelets: the same chain with the saturating feedback of Panetta 2024, or with the power feedback. Red
// cells: precursors that renew themselves as those of neutrophils do, steered by their own number and by erythropoietin,
// and four life-span compartments (Agoram 2006). Drugs take a fraction E of proliferation away. Normal marrow n (share of its capacity) regrows logistically in the room that leukaemia leaves, and sets the
// point that feedback steers to: n * baseline. Time is days, counts 10^9/L, haemoglobin g/dL.
//
// A step of LINE_SLOTS slots of h days, half a day in all. Behind the proliferating pool P a line is linear, so that
// circulating cells barely feel what P does within the step: they are foreseen with P held still, and the feedback as a
// parabola follows from them. ln P then changes by the mean effect of each slot; the rest of the line follows exactly
// from P as straight lines between the ends of the slots (weights from `line_weights`), each corrected for how P is bent.
#pragma once
#include <optional>
#include "kinetics.hpp"
#include "words.hpp"

namespace remission {

constexpr Real MAX_FEEDBACK = 5.0;  // bound of the power feedback after long aplasia
// An effect that over three slots, or where these meet, is off a straight line by so little, and rises or falls by so little,
// lets the proliferating pool go like a parabola through a step; the pool must change by so little, and hold so much (10^9/L).
constexpr Real SMOOTH_BEND = 0.01, SMOOTH_TILT = 0.08, SMOOTH_CHANGE = 0.2, SMOOTH_POOL = 1e-3;
// These hold for slots of two hours, and fall with the fourth power of the slot's h days, as does the error of a step.
inline Real smoothness(Real h) {
  const Real x = 12.0 * h * (12.0 * h);
  return smaller(x * x, 1.0);
}
constexpr Real FLOOR = 1e-6;        // counts never fall below one cell in a litre of 1e9

// states of a line; FEEDBACK: (n C0 / C)^gamma at C = FORESEEN, the circulating cells that the last step foresaw
enum : int { PROLIFERATING, TRANSIT_1, TRANSIT_2, TRANSIT_3, CIRCULATING, FEEDBACK, FORESEEN };
constexpr int STATE_ROWS = 7;
constexpr int OF_NODES = 15;
constexpr int OF_MIDDLE = OF_NODES + 4 * (LINE_SLOTS + 1);
constexpr int OF_PARABOLA = OF_MIDDLE + LINE_SLOTS / 2 + 1;
constexpr int WEIGHT_ROWS = OF_PARABOLA + 4 * 3;
// Rows of weights: cells in the middle (of P, the transits and C) 0-4, at the end 5 of P and 6-9, passing down by one,
// two, three transits 10-12, cells in the middle and at the end of the slope of P 13-14, then for each of the four
// compartments that of P at the ends of the slots, and the same for the cells in the middle; then for each compartment that of P
// at the start, in the middle and at the end of the step, where it goes like a parabola

// What straight lines lack of a curve, in each slot mean less half of both ends, goes to the ends of the slot, those of the
// step counting half.
constexpr Real bent_share(int slot) { return slot == 0 || slot == LINE_SLOTS - 1 ? 2.0 / 3.0 : 0.5; }

// What the end of slot k - 1 counts for, where P is the parabola that is 1 at the start (m 0), in the middle (1) or at the end (2)
// of the step and 0 at both others.
constexpr Real parabola_at_node(int k, int m) {
  const Real t = static_cast<Real>(k) / LINE_SLOTS;
  const Real value = m == 0 ? (1.0 - t) * (1.0 - 2.0 * t) : m == 1 ? 4.0 * t * (1.0 - t) : t * (2.0 * t - 1.0);
  const Real lacks = -(m == 1 ? -8.0 : 4.0) / (12.0 * LINE_SLOTS * LINE_SLOTS);
  return value + lacks * ((k < LINE_SLOTS ? bent_share(k) : 0.0) + (k > 0 ? bent_share(k - 1) : 0.0));
}

// Fill the weights (WEIGHT_ROWS, L) of a line P -> three transits -> C for LINE_SLOTS slots of h days:
// dA/dt = transit (P - A), ..., dC/dt = gain D - loss C; rates per day.
inline void line_weights(const Real* transit, const Real* gain, const Real* loss, Real h, Real* out) {
  const int n = 6;  // the four compartments, and P with its slope
  Matrices a(n), half(n), whole(n);
  for (int l = 0; l < LANES; ++l) {
    const Real k = transit[l];
    for (int i = 0; i < 3; ++i) {
      a.at(i, i)[l] = -k;
      a.at(i, i == 0 ? 4 : i - 1)[l] = k;
    }
    a.at(3, 3)[l] = -loss[l];
    a.at(3, 2)[l] = gain[l];
    a.at(4, 5)[l] = 1.0;
  }
  Integrals slot(a);
  slot.fill(h, Want::PHI);
  half = slot.phi;
  for (int k = 1; k < LINE_SLOTS / 2; ++k) {
    slot.product(slot.phi, half, whole);
    std::swap(half, whole);
  }
  slot.product(half, half, whole);
  auto put = [&](int row, const Real* x) { std::copy_n(x, LANES, out + row * LANES); };
  put(0, half.at(3, 4));
  put(5, whole.at(3, 4));
  put(13, half.at(3, 5));
  put(14, whole.at(3, 5));
  for (int i = 0; i < 4; ++i) {
    put(1 + i, half.at(3, i));
    put(6 + i, whole.at(3, i));
  }
  for (int i = 0; i < 3; ++i) put(10 + i, whole.at(i, 0));
  // what P at the start and at the end of a slot has made by the end of the step, and of its first half
  Wide first[4], last[4];
  for (int i = 0; i < 4; ++i) {
    last[i] = load(slot.phi.at(i, 5)) / h;
    first[i] = load(slot.phi.at(i, 4)) - last[i];
    for (int k = 0; k <= LINE_SLOTS; ++k) store(out + (OF_NODES + (LINE_SLOTS + 1) * i + k) * LANES, Wide{});
  }
  for (int k = 0; k <= LINE_SLOTS / 2; ++k) store(out + (OF_MIDDLE + k) * LANES, Wide{});
  auto more = [&](int at, Wide x) { store(out + at * LANES, load(out + at * LANES) + x); };
  auto on = [&](Wide (&x)[4]) {  // a slot later
    for (int i = 3; i >= 0; --i) {
      Wide sum = {};
      for (int j = 0; j <= i; ++j) sum += load(slot.phi.at(i, j)) * x[j];
      x[i] = sum;
    }
  };
  for (int k = LINE_SLOTS - 1; k >= 0; --k, on(first), on(last)) {
    for (int i = 0; i < 4; ++i) {
      more(OF_NODES + (LINE_SLOTS + 1) * i + k, first[i]);
      more(OF_NODES + (LINE_SLOTS + 1) * i + k + 1, last[i]);
    }
    if (k < LINE_SLOTS / 2) continue;
    more(OF_MIDDLE + k - LINE_SLOTS / 2, first[3]);
    more(OF_MIDDLE + k - LINE_SLOTS / 2 + 1, last[3]);
  }
  for (int i = 0; i < 4; ++i)
    for (int m = 0; m < 3; ++m) {
      Wide sum = {};
      for (int k = 0; k <= LINE_SLOTS; ++k)
        sum += parabola_at_node(k, m) * load(out + (OF_NODES + (LINE_SLOTS + 1) * i + k) * LANES);
      put(OF_PARABOLA + 3 * i + m, reinterpret_cast<const Real*>(&sum));
    }
}

// Fill the weights of red cells: the effect of compartment j <= i of a life span on compartment i over h days, packed by
// lower triangle (10 rows), then of what flows in evenly in the first and in the second half (4 + 4).
inline void life_span_weights(const Real* ageing, Real h, Real* out) {
  const int n = 4;
  Matrices a(n), whole(n), early(n);
  for (int l = 0; l < LANES; ++l)
    for (int i = 0; i < n; ++i) {
      a.at(i, i)[l] = -ageing[l];
      if (i > 0) a.at(i, i - 1)[l] = ageing[l];
    }
  Integrals half(a);
  half.fill(0.5 * h, Want::M);
  half.product(half.phi, half.phi, whole);
  half.product(half.phi, half.m, early);
  int row = 0;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) std::copy_n(whole.at(i, j), LANES, out + row++ * LANES);
    std::copy_n(early.at(i, 0), LANES, out + (10 + i) * LANES);
    std::copy_n(half.m.at(i, 0), LANES, out + (14 + i) * LANES);
  }
}

// What a sharp drug does in one slot: its mean effect in each panel, and in whom.
struct SharpSlot {
  const Real* effect = nullptr;  // (PANELS, L); null: in nobody
  const Real* given = nullptr;   // (L), 1 or 0
};

// The effects on a line in a step.
struct Effects {
  const Real* mean = nullptr;  // (LINE_SLOTS, L) means of the slots, among those of the day
  bool before = false, after = false;  // are there slots before and after these?
  SharpSlot sharp[LINE_SLOTS];
  WideInt gone{};              // -1 in lanes in which nobody is played any more
  const Real* room = nullptr;  // (LINE_SLOTS, L) normal marrow in the middle of the slots, 0 where nothing takes it away

  Wide slot(int k) const { return load(mean + k * LANES); }
  // By how much the effect falls through slot k, from how much less it is in the next slot, or else than in the last, if
  // it wears off like an exponential; where it rises, 0.
  Wide fall(int k) const {
    const Wide now = slot(k);
    const Wide last = k == 0 && !before ? now : slot(k - 1), next = k == LINE_SLOTS - 1 && !after ? now : slot(k + 1);
    const auto wanes = now > next;
    const Wide more = wanes ? now : last, less = wanes ? next : now;
    return more > less ? (more - less) * root((wanes ? now : larger(now, last * (1.0 / 9.0))) /
                                              (wanes ? larger(next, now * (1.0 / 9.0)) : last))
                       : Wide{};
  }
  void falls(Wide* out) const {
    for (int k = 0; k < LINE_SLOTS; ++k) out[k] = fall(k);
  }
};

// A pool that drugs have taken to its floor begins to grow again within a slot, when its rate (x0 at the start, x1 at the
// end, by the slot, linear between) turns positive: it is then at least the floor and what has grown since.
inline Wide regrown(Wide x0, Wide x1) {
  const Wide rise = ((x0 < 0.0) & (x1 > 0.0)) ? 0.5 * x1 * x1 / (x1 - x0) : Wide{};
  return FLOOR * (1.0 + rise * (1.0 + rise * (0.5 + rise * (1.0 / 6.0))));
}

// P through a step: at its end, and what the ends of the slots count for.
struct Course {
  Wide node[LINE_SLOTS + 1], end;

  // That of another, in the patients of `who`: the rest keep theirs to the last bit.
  template <class Mask>
  void take(Mask who, const Course& other) {
    for (int k = 0; k <= LINE_SLOTS; ++k) node[k] = who ? other.node[k] : node[k];
    end = who ? other.end : end;
  }
};

// Where a slot's feedback (mean and rise, a straight line) goes beyond its bound, it stays there.
inline void bound(Wide& mean, Wide& rise) {
  const Wide all = larger(rise, -rise), over = larger(mean + 0.5 * all - MAX_FEEDBACK, 0.0);
  mean -= over < all ? over * over / (2.0 * all) : over - 0.5 * all;
  rise = over > 0.0 ? (over < all ? rise * (1.0 - over / all) : Wide{}) : rise;
}

// Means over slot k of the parabola through u0, um, u1 at the start, in the middle and at the end of the step.
inline Wide mean_of_parabola(int k, Wide u0, Wide um, Wide u1) {
  const Real t = (k + 0.5) / LINE_SLOTS, t2 = t * t + 1.0 / (12.0 * LINE_SLOTS * LINE_SLOTS);
  return (1.0 - 3.0 * t + 2.0 * t2) * u0 + 4.0 * (t - t2) * um + (2.0 * t2 - t) * u1;
}

// Conditioning takes normal marrow away within hours, in which proliferation is held: by how much the feedback of each
// slot, f of its normal marrow, is not what the parabola says.
struct Falls {
  Wide times[LINE_SLOTS];
  template <class F>
  Falls(const Real* room, const Real* n0, const Real* nm, const Real* n1, F f) {
    const Wide start = f(load(n0)), middle = f(load(nm)), end = f(load(n1));
    for (int k = 0; k < LINE_SLOTS; ++k) {
      const Wide n = load(room + k * LANES);
      times[k] = n > 0.0 ? f(n) / mean_of_parabola(k, start, middle, end) : everywhere(1.0);
    }
  }
};

// d ln P / dt = growth (1 - E) u - loss, u the parabola through the feedback u0, um, u1 at the start, in the middle, at the
// end, up to its bound. fall_of: by how much the effect falls in each slot; falls: null but where conditioning is on board.
inline Course course(Wide p, const Effects& effects, const Wide* fall_of, Wide u0, Wide um, Wide u1, Wide growth, Wide loss,
                     Real h, const Falls* falls) {
  const Wide u = growth * h, v = loss * h;
  const auto high = (u0 > MAX_FEEDBACK) | (um > MAX_FEEDBACK) | (u1 > MAX_FEEDBACK);
  const bool some = any(high);
  Wide felt[LINE_SLOTS], rise[LINE_SLOTS], grown[LINE_SLOTS], bend[LINE_SLOTS];
  for (int k = 0; k < LINE_SLOTS; ++k) {
    const Real t = (k + 0.5) / LINE_SLOTS;
    felt[k] = mean_of_parabola(k, u0, um, u1);
    if (falls) [[unlikely]] felt[k] *= falls->times[k];
    rise[k] = ((4.0 * t - 3.0) * u0 + (4.0 - 8.0 * t) * um + (4.0 * t - 1.0) * u1) * (1.0 / LINE_SLOTS);
    if (some) [[unlikely]] {
      Wide mean = felt[k], by = rise[k];
      bound(mean, by);
      felt[k] = high ? mean : felt[k];
      rise[k] = high ? by : rise[k];
    }
    const Wide fall = fall_of[k];
    // by the middle, but for the slopes of E
    grown[k] = exp_small(0.5 * (u * ((1.0 - effects.slot(k)) * felt[k] + fall * rise[k] * (1.0 / 12.0)) - v));
    const Wide slope = 0.125 * u * (felt[k] * fall + (1.0 - effects.slot(k)) * rise[k]);
    bend[k] = 1.0 - slope * (1.0 - 0.5 * slope);
  }
  Course out{};
  for (int k = 0; k < LINE_SLOTS; ++k) {
    const Wide middle = p * grown[k];
    Wide end = middle * grown[k], between = middle * bend[k];
    if (any(end < 2.0 * FLOOR)) [[unlikely]] {
      const Wide half = 0.5 * fall_of[k], now = 1.0 - effects.slot(k);
      const Wide least = regrown(u * (now - half) * felt[k] - v, u * (now + half) * felt[k] - v);
      between = end < 2.0 * FLOOR ? larger(between, FLOOR) : between;
      end = end < 2.0 * FLOOR ? larger(end, least) : end;
    }
    Wide mean = (p + 4.0 * between + end) * (1.0 / 6.0);  // Simpson
    if (effects.sharp[k].effect) [[unlikely]] {
      Wide at = p, area = {};
      for (int i = 0; i < PANELS; ++i) {
        const Real width = (SHARP[i + 1] - SHARP[i]) / SHARP_END;
        const Wide e = load(effects.sharp[k].effect + i * LANES);
        const Wide now = felt[k] + (0.5 * (SHARP[i] + SHARP[i + 1]) / SHARP_END - 0.5) * rise[k];
        const Wide half = exp_small(0.5 * width * (u * (1.0 - e) * now - v));
        const Wide after = larger(at * half * half, FLOOR);
        area += width / 6.0 * (at + 4.0 * larger(at * half, FLOOR) + after);
        at = after;
      }
      const auto given = load(effects.sharp[k].given) > 0.0;
      mean = given ? area : mean;
      end = given ? at : end;
    }
    const Wide bent = bent_share(k) * (mean - 0.5 * (p + end));
    out.node[k] += p + bent;
    out.node[k + 1] = bent;
    p = end;
  }
  out.node[LINE_SLOTS] += p;
  out.end = p;
  return out;
}

// P through a step in which it goes like a parabola: `holds` (-1) where effects and P itself move so little that the slots need
// not be gone through one by one.
struct Smooth {
  Wide middle, end;
  WideInt holds;

  Smooth(Wide p, const Effects& effects, Wide u0, Wide um, Wide u1, Wide growth, Wide loss, Real h) {
    constexpr int half = LINE_SLOTS / 2;
    static_assert(half == 3);
    const Wide u = growth * (LINE_SLOTS * h), v = loss * (half * h);
    Wide mean[2], rise[2], tilt = {};
    Wide bend = size_of(effects.slot(half) - effects.slot(half - 1));
    for (int i = 0; i < 2; ++i) {
      const Wide x = effects.slot(half * i), y = effects.slot(half * i + 1), z = effects.slot(half * i + 2);
      mean[i] = (x + y + z) * (1.0 / half);
      bend = larger(bend, size_of(x - 2.0 * y + z));
      rise[i] = z - x;
      tilt = larger(tilt, size_of(rise[i]));
    }
    // the integral of the parabola through the feedback, over either half
    const Wide first = (5.0 * u0 + 8.0 * um - u1) * (1.0 / 24.0), last = (5.0 * u1 + 8.0 * um - u0) * (1.0 / 24.0);
    // and less what effect and feedback, both straight lines, do together
    middle = p * exp_small(u * ((1.0 - mean[0]) * first - rise[0] * (um - u0) * (1.0 / 16.0)) - v);
    end = middle * exp_small(u * ((1.0 - mean[1]) * last - rise[1] * (u1 - um) * (1.0 / 16.0)) - v);
    const Real finer = smoothness(h);
    holds = (bend <= finer * SMOOTH_BEND) & (tilt <= finer * SMOOTH_TILT) & (p > SMOOTH_POOL) & (size_of(end - p) <= finer * SMOOTH_CHANGE * p) & (u0 <= MAX_FEEDBACK) &
            (um <= MAX_FEEDBACK) & (u1 <= MAX_FEEDBACK);
    for (int k = 0; k < LINE_SLOTS; ++k) {
      if (effects.sharp[k].effect) [[unlikely]] holds &= ~(load(effects.sharp[k].given) > 0.0);
      if (effects.room) [[unlikely]] holds &= ~(load(effects.room + k * LANES) > 0.0);
    }
    holds |= effects.gone;
  }
};

// A line at the start of a step, and its circulating cells in the middle and at the end.
struct Line {
  Real* s;
  const Real* w;
  Wide p, a, b, d, c;
  Wide middle_rest, rest;  // their parts that P has nothing to do with
  Wide middle, end;

  Wide row(int i) const { return load(w + i * LANES); }
  Line(Real* states, const Real* weights) : s(states), w(weights) {
    p = load(s), a = load(s + LANES), b = load(s + 2 * LANES), d = load(s + 3 * LANES), c = load(s + 4 * LANES);
    middle_rest = row(1) * a + row(2) * b + row(3) * d + row(4) * c;
    rest = row(6) * a + row(7) * b + row(8) * d + row(9) * c;
  }
  // With P going straight to where the feedback of the start would take it.
  void foresee(const Effects& effects, Wide growth, Wide loss, Wide feedback, Real h) {
    Wide left = everywhere(LINE_SLOTS);
    for (int k = 0; k < LINE_SLOTS; ++k) left -= effects.slot(k);
    const Wide slope = p * (exp_small(h * (growth * left * feedback - LINE_SLOTS * loss)) - 1.0) / (LINE_SLOTS * h);
    middle = row(0) * p + middle_rest + row(13) * slope;
    end = row(5) * p + rest + row(14) * slope;
  }
  // With the course of P, in patients in whom it moves much: in these.
  auto again(const Course& course) {
    const auto much = (course.end < 0.8 * p) | (course.end > 1.25 * p);
    if (!any(much)) return much;
    Wide at_middle = middle_rest, at_end = rest;
    for (int k = 0; k <= LINE_SLOTS / 2; ++k) at_middle += row(OF_MIDDLE + k) * course.node[k];
    for (int k = 0; k <= LINE_SLOTS; ++k) at_end += row(OF_NODES + 3 * (LINE_SLOTS + 1) + k) * course.node[k];
    middle = much ? at_middle : middle;
    end = much ? at_end : end;
    return much;
  }
  // The line behind P, at the end of the step.
  void follow(const Course& course) { follow<LINE_SLOTS + 1>(OF_NODES, course.node, course.end); }
  void follow(const Smooth& smooth) {
    const Wide node[] = {p, smooth.middle, smooth.end};
    follow<3>(OF_PARABOLA, node, smooth.end);
  }

 private:
  template <int number>
  void follow(int weights, const Wide* node, Wide pool) {
    Wide x[4] = {row(10) * a, row(10) * b + row(11) * a, row(10) * d + row(11) * b + row(12) * a, rest};
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < number; ++k) x[i] += row(weights + number * i + k) * node[k];
      store(s + (1 + i) * LANES, larger(x[i], FLOOR));
    }
    store(s, pool);
  }
};

// A step of a line, first as if P went like a parabola; in those in whom it does not, slot by slot (`slots`).
template <class Slots>
void smooth_or_by_slots(Line& line, const Smooth& smooth, Slots slots) {
  if (!any(~smooth.holds)) return line.follow(smooth);
  Wide kept[STATE_ROWS];
  if (any(smooth.holds)) line.follow(smooth);
  for (int i = 0; i < CIRCULATING + 1; ++i) kept[i] = load(line.s + i * LANES);
  slots();
  for (int i = 0; i < CIRCULATING + 1; ++i) {
    Real* x = line.s + i * LANES;
    store(x, smooth.holds ? kept[i] : load(x));
  }
}

// (a / b)^g: by the series where a is near b. After aplasia cells rise ninefold in half a day, where the series is off by 1e-2.
inline Wide power_of(Wide a, Wide b, Wide g) {
  const Wide near = near_power<Wide>(a, b, g);
  const WideInt far = (a > 1.7 * b) | (b > 1.7 * a);
  if (!any(far)) [[likely]] return near;
  return far ? exp_wide(g * log_wide(a / b)) : near;
}

// One step of a line with the power feedback F = (n C0 / C)^gamma. s: STATE_ROWS of it, w: its weights; n0, nm, n1: normal
// marrow at the start, in the middle and at the end; rate: of P and the transits, per day; h: days of a slot.
inline void power_chain(Real* s, const Real* w, const Effects& effects, const Real* n0, const Real* nm, const Real* n1,
                        const Real* rate, const Real* gamma, Real h) {
  Line line(s, w);
  const Wide f0 = load(s + FEEDBACK * LANES), g = load(gamma), n = load(nm), k = load(rate);
  const Wide seen = load(s + FORESEEN * LANES);
  Wide f1 = {};
  std::optional<Falls> falls;
  if (effects.room) [[unlikely]]
    falls.emplace(effects.room, n0, nm, n1, [g](Wide x) { return exp_wide(g * log_wide(x)); });
  Wide fm = {};
  auto feel = [&] {
    fm = f0 * power_of(n * seen, load(n0) * line.middle, g);
    f1 = fm * power_of(load(n1) * line.middle, n * line.end, g);
  };
  Wide fall_of[LINE_SLOTS];
  auto felt = [&] { return course(line.p, effects, fall_of, f0, fm, f1, k, k, h, falls ? &*falls : nullptr); };
  line.foresee(effects, k, k, smaller(f0, MAX_FEEDBACK), h);
  feel();
  const Smooth smooth(line.p, effects, f0, fm, f1, k, k, h);
  smooth_or_by_slots(line, smooth, [&] {
    const Wide first = f1, foreseen = line.end;
    effects.falls(fall_of);
    Course p = felt();
    const auto much = line.again(p);
    if (any(much)) {
      feel();
      p.take(much, felt());
    }
    line.follow(p);
    const auto anew = much & ~smooth.holds;
    f1 = anew ? f1 : first;
    line.end = anew ? line.end : foreseen;
  });
  const Wide cells = load(s + CIRCULATING * LANES);
  store(s + FEEDBACK * LANES, f1 * power_of(line.end, cells, g));
  store(s + FORESEEN * LANES, cells);
}

// As `power_chain` with proliferation growth (1 - E) KM / (KM + C), KM = half * n, and loss `transit` of P.
inline void saturating_chain(Real* s, const Real* w, const Effects& effects, const Real* n0, const Real* nm,
                             const Real* n1, const Real* half, const Real* growth, const Real* transit, Real h) {
  Line line(s, w);
  const Wide k0 = load(half) * load(n0), km = load(half) * load(nm), k1 = load(half) * load(n1);
  const Wide u0 = k0 / (k0 + line.c), g = load(growth), out = load(transit);
  std::optional<Falls> falls;
  if (effects.room) [[unlikely]]
    falls.emplace(effects.room, n0, nm, n1, [&](Wide n) { return load(half) * n / (load(half) * n + line.c); });
  Wide fall_of[LINE_SLOTS];
  auto felt = [&] {
    return course(line.p, effects, fall_of, u0, km / (km + line.middle), k1 / (k1 + line.end), g, out, h,
                  falls ? &*falls : nullptr);
  };
  line.foresee(effects, g, out, u0, h);
  const Smooth smooth(line.p, effects, u0, km / (km + line.middle), k1 / (k1 + line.end), g, out, h);
  smooth_or_by_slots(line, smooth, [&] {
    effects.falls(fall_of);
    Course p = felt();
    if (const auto much = line.again(p); any(much)) p.take(much, felt());
    line.follow(p);
  });
}

// The numbers of a line of red cells, rows of L each: 1/day, the exponents, 1/day.
struct RedCells {
  const Real *renewal, *gamma, *feedback, *transit, *ageing;
};

// F = (n P0 / P (H0 / H)^g)^gamma in one patient; P0, full: those of a whole marrow at rest.
inline Real red_feedback(Real n, Real full, Real pool, Real base, Real cells, Real g, Real gamma) {
  return std::pow(n * full / std::max(pool, FLOOR) * std::pow(base / std::max(cells, FLOOR), g), gamma);
}

// The precursors of red cells through a step: what they pass on in either half of it, what is left of them, and 1 / F.
struct RedCourse {
  Wide first, last, pool, slow;  // of P: means of the halves, the end
  WideInt bounded;               // -1 where the feedback comes to its bound, or the pool to its floor
};

// ln (a / b) for a near b, by its odd series.
inline Wide near_log(Wide a, Wide b) {
  const Wide q = (a - b) / (a + b), r = q * q;
  return q * (2.0 + r * (2.0 / 3.0 + r * (2.0 / 5.0 + r * (2.0 / 7.0))));
}

inline WideInt red_bounded(Wide before, Wide slow, Wide pool) {
  const Wide least = everywhere(1.0 / MAX_FEEDBACK);
  return (before < least) | (slow < least) | (slow < 0.7 * before) | (pool < FLOOR);
}

// The mean of four values that stand equally far apart, by the three-eighths rule.
static_assert(LINE_SLOTS == 6);  // four ends of slots in half a step
inline Wide mean_of_four(const Wide* x) { return (x[0] + 3.0 * (x[1] + x[2]) + x[3]) * 0.125; }

// Where F stays within its bound: H and n take effect by halves of the step, half before and half after each.
inline RedCourse red_free(Wide pool, Wide slow, const Effects& effects, const Real* n0, const Real* nm, const Real* n1,
                          Wide by_cells, Wide k, Wide gamma, Real h) {
  constexpr int half = LINE_SLOTS / 2;
  const Wide power = 1.0 / gamma, kept = exp_small(-h * k * gamma), by_half = 1.0 + 0.25 * (by_cells - 1.0);
  const Wide start = load(n0), middle = load(nm), end = load(n1);
  const Wide n[] = {(5.0 * start + 8.0 * middle - end) * (1.0 / 12.0), (5.0 * end + 8.0 * middle - start) * (1.0 / 12.0)};
  Wide node[LINE_SLOTS + 1] = {pool}, was = start;
  WideInt bounded{};
  for (int i = 0; i < 2; ++i) {
    slow *= near_power<Wide>(was, n[i], gamma) * by_half;
    was = n[i];
    for (int j = half * i; j < half * (i + 1); ++j) {
      const Wide left = 1.0 - effects.slot(j), before = slow;
      slow = left + (before - left) * kept;
      node[j + 1] = node[j] * exp_small(power * near_log(slow, before));
      bounded |= red_bounded(before, slow, node[j + 1]);
    }
    slow *= by_half;
  }
  return {mean_of_four(node), mean_of_four(node + half), node[LINE_SLOTS], slow * near_power<Wide>(was, end, gamma), bounded};
}

// Slot by slot, with the bounds, and where conditioning takes normal marrow away within hours.
inline RedCourse red_bound(Wide pool, Wide slow, const Effects& effects, const Real* n0, const Real* nm, const Real* n1,
                           Wide by_cells, Wide k, Wide gamma, Real h) {
  const Wide power = 1.0 / gamma, kept = exp_small(-h * k * gamma), by_slot = 1.0 + (by_cells - 1.0) * (1.0 / LINE_SLOTS);
  Wide node[LINE_SLOTS + 1] = {pool}, n = load(n0);
  for (int i = 0; i < LINE_SLOTS; ++i) {
    Wide here = mean_of_parabola(i, load(n0), load(nm), load(n1));
    if (effects.room) [[unlikely]] {
      const Wide killed = load(effects.room + i * LANES);
      here = killed > 0.0 ? killed : here;
    }
    const Wide left = 1.0 - effects.slot(i);
    const Wide before = slow * near_power<Wide>(n, here, gamma) * by_slot;
    n = here;
    slow = left + (before - left) * kept;
    node[i + 1] = node[i] * exp_small(power * near_log(slow, before));
    const auto bounded = red_bounded(before, slow, node[i + 1]);
    if (any(bounded)) [[unlikely]] {
      const Wide least = everywhere(1.0 / MAX_FEEDBACK);
      const Wide free = before < least ? everywhere(1.0) : larger(slow, least) / larger(before, least);
      const Wide part = before < least ? everywhere(1.0) : larger(least - slow, 0.0) / larger(before - slow, 1e-300);
      const Wide held = exp_small(part * h * k * (MAX_FEEDBACK * left - 1.0));
      const Wide now = larger(node[i] * exp_wide(power * log_wide(free)) * held, FLOOR);
      node[i + 1] = bounded ? now : node[i + 1];
      slow = bounded ? before * exp_wide(gamma * log_wide(now / node[i])) : slow;
    }
  }
  slow *= near_power<Wide>(n, load(n1), gamma);
  return {mean_of_four(node), mean_of_four(node + LINE_SLOTS / 2), node[LINE_SLOTS], slow, WideInt{}};
}

// One step of haemoglobin H, h days a slot. Precursors renew themselves as those of neutrophils do, with the feedback
// F = (n P0 / P (H0 / H)^g)^gamma of their own number and of erythropoietin: dP/dt = k P ((1 - E) F - 1). While n and H
// stay, 1 / F follows d(1/F)/dt = k gamma (1 - E - 1/F), and d ln P is d ln (1/F) / gamma, so that a step is exact. P / tau of
// them pass into four compartments emptied one into the other, evenly in each half of the step.
inline void red_cell_chain(Real* s, const Real* w, const Effects& effects, const Real* n0, const Real* nm, const Real* n1,
                           const RedCells& red, Real h) {
  auto row = [w](int i) { return load(w + i * LANES); };
  auto state = [s](int i) { return load(s + i * LANES); };
  const Wide k = load(red.renewal), gamma = load(red.gamma), asked = gamma * load(red.feedback);
  const Wide seen = state(FORESEEN), passing = load(red.transit);
  const Wide now = state(1) + state(2) + state(3) + state(4);
  // what H does to the feedback: along the straight line on which it goes, foreseen from now
  const Wide change = (LINE_SLOTS * h) * (passing * state(PROLIFERATING) - load(red.ageing) * state(4));
  const Wide last = larger(now + change, FLOOR), by_cells = near_power<Wide>(last, now, asked);
  const Wide slow = near_power<Wide>(now, seen, asked) / state(FEEDBACK);  // 1 / F; now is not what was seen after a transfusion
  RedCourse course = red_free(state(PROLIFERATING), slow, effects, n0, nm, n1, by_cells, k, gamma, h);
  WideInt fine = course.bounded;
  if (effects.room) [[unlikely]]
    for (int i = 0; i < LINE_SLOTS; ++i) fine |= load(effects.room + i * LANES) > 0.0;
  if (any(fine & ~effects.gone)) {
    const RedCourse other = red_bound(state(PROLIFERATING), slow, effects, n0, nm, n1, by_cells, k, gamma, h);
    course.first = fine ? other.first : course.first;
    course.last = fine ? other.last : course.last;
    course.pool = fine ? other.pool : course.pool;
    course.slow = fine ? other.slow : course.slow;
  }
  const Wide x = course.first * passing, y = course.last * passing;
  Wide cells[4], total = {};
  int at = 0;
  for (int i = 0; i < 4; ++i) {
    Wide sum = row(10 + i) * x + row(14 + i) * y;
    for (int j = 0; j <= i; ++j) sum += row(at++) * state(1 + j);
    cells[i] = sum;
    total += sum;
  }
  for (int i = 0; i < 4; ++i) store(s + (1 + i) * LANES, cells[i]);
  store(s, course.pool);
  // the feedback by what H has become
  store(s + FEEDBACK * LANES, 1.0 / (course.slow * near_power<Wide>(total, last, asked)));
  store(s + FORESEEN * LANES, total);
}

// dn/dt = rho n (1 - n - omega l) - kill n: one Runge-Kutta step of the growth between two halves of the kill (of stem
// cells, by conditioning), with l = leukaemic cells / capacity at the start, in the middle and at the end. Fills n_new and
// n_mid, n in the middle (Hermite's cubic).
inline void normal_marrow(const Real* n, const Real* load0, const Real* load_mid, const Real* load1, const Real* rho,
                          const Real* omega, const Real* kill, Real h, Real* n_mid, Real* n_new) {
  const Wide r = load(rho), w = load(omega), k = load(kill);
  const Wide a = 1.0 - w * load(load0), b = 1.0 - w * load(load_mid), c = 1.0 - w * load(load1);
  const Wide kept = any(k != 0.0) ? exp_small(-0.5 * h * k) : everywhere(1.0), start = load(n) * kept;
  const Wide k1 = r * start * (a - start);
  Wide m = start + 0.5 * h * k1;
  const Wide k2 = r * m * (b - m);
  m = start + 0.5 * h * k2;
  const Wide k3 = r * m * (b - m);
  m = start + h * k3;
  const Wide k4 = r * m * (c - m);
  // leukaemia alone does not take it below 1e-4
  const Wide last = larger(start + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4), smaller(start, 1e-4));
  const Wide k5 = r * last * (c - last);
  store(n_new, last * kept);
  store(n_mid, 0.5 * (start + last) + 0.125 * h * (k1 - k5));
}

}  // namespace remission
