// Kinetics of a day: doses in, exact steps for each agent on board, and what its effects are made of out.
#pragma once
#include <bit>

#include "dosing.hpp"
#include "effects.hpp"

namespace remission {

constexpr Real GONE = 1e-7;  // of what a typical dose makes: less counts as nothing

inline std::vector<int> ints(const View<Int>& all, const View<Int>& from, Int agent) {
  return std::vector<int>(all.data + from[agent], all.data + from[agent + 1]);
}
inline std::vector<Real> reals(const View<Real>& all, Int first, Int last) {
  return std::vector<Real>(all.data + first, all.data + last);
}

inline void make_room_for_responses(Drugs& drugs, const Tables& t, const Layout& lay, Int agent) {
  drugs.weight[agent] = Rows(lay.weight_from[agent + 1] - lay.weight_from[agent]);
  drugs.sink[agent] = Rows(sink_rows(lay, agent));
  for (Int i = lay.agent_form_from[agent]; i < lay.agent_form_from[agent + 1]; ++i) {
    const Int f = lay.agent_forms[i];
    drugs.part[f] = Rows(flow_rows(t, lay, f));
    drugs.full[f] = Rows(flow_rows(t, lay, f));
  }
  drugs.quiet[agent] = Rows(quiet_rows(drugs, lay, agent));
  drugs.answered[agent] = 1;
}

// The step matrices and dose responses of an agent, for the patients of the block.
inline void fill_responses(Block& b, Int agent) {
  const Layout& lay = b.lay;
  const Tables& t = b.t;
  const Lanes& q = b.q;
  Drugs& drugs = b.drugs;
  const Real slot = 1.0 / static_cast<Real>(lay.slots());
  std::vector<Real> sharp_edges;
  for (int end : SHARP) sharp_edges.push_back(end * slot / SHARP_END);
  make_room_for_responses(drugs, t, lay, agent);
  const int n = static_cast<int>(lay.state_from[agent + 1] - lay.state_from[agent]);
  const Int lin = lay.linear_outputs[agent], rows = lay.row_from[agent + 1] - lay.row_from[agent];
  Matrices a(n);
  std::copy_n(q.a.row(lay.a_from[agent]), n * n * LANES, a.v.data());
  std::vector<Rows> g(lin, Rows(n));
  for (Int j = 0; j < lin; ++j) copy_rows(g[j], 0, q.g, lay.g_from[agent] + j * n, n);
  const Int f0 = lay.agent_form_from[agent], forms = lay.agent_form_from[agent + 1] - f0;
  const bool sink = lay.saturable[agent] == 1;
  bool infused = sink;
  std::vector<Entry> entries, flows;  // of all forms, and of those that flow in
  std::vector<Int> flowing;
  for (Int i = 0; i < forms; ++i) {
    const Int f = lay.agent_forms[f0 + i];
    infused |= t.forms[f].tau > 0.0;
    Entry e{static_cast<int>(lay.form_entry[f]), 0.0, false};
    if (t.forms[f].lag > 0.0) {
      e.tau = t.forms[f].lag;
      e.delayed = true;
    } else if (!sink) {
      e.tau = t.forms[f].rest_days;
    }
    entries.push_back(e);
    if (!flows_in(t.forms[f])) continue;
    flows.push_back(e);
    flowing.push_back(f);
  }
  if (sink) {
    flows.push_back({static_cast<int>(lay.central[agent]), 0.0, false});
    entries.push_back(flows.back());
  }
  Asked asked;
  asked.windows = lay.windows[agent];
  asked.means = ints(lay.means, lay.means_from, agent);
  asked.nodes = ints(lay.nodes, lay.nodes_from, agent);
  asked.fine_windows = lay.fine_windows[agent];
  asked.fine_means = ints(lay.fine_means, lay.fine_means_from, agent);
  asked.fine_nodes = ints(lay.fine_nodes, lay.fine_nodes_from, agent);
  asked.step_means = ints(lay.step_means, lay.step_means_from, agent);
  asked.step_nodes = ints(lay.step_nodes, lay.step_nodes_from, agent);
  asked.level_times = reals(lay.level_times, lay.level_times_from[agent], lay.level_times_from[agent + 1]);
  asked.bent = ints(lay.bent, lay.bent_from, agent);
  asked.fresh_times = reals(lay.panel_times, 2 * lay.panel_from[agent], 2 * lay.panel_from[agent + 1]);
  asked.sharp = ints(lay.sharp, lay.sharp_from, agent);
  asked.sharp_edges = sharp_edges;
  Responses answers(a, g, rows, flows, infused);
  const Int number = lay.entry_from[agent + 1] - lay.entry_from[agent];
  const Int calm = lay.micro_calm[agent] < lay.micro_from[agent + 1] ? lay.micro_kind[lay.micro_calm[agent]] : -1;
  for (Int kind = 0; kind < lay.kind_from[agent + 1] - lay.kind_from[agent]; ++kind) {
    if (kind == calm) {  // the last: elimination is linear, so a part of the matrix
      const int c = static_cast<int>(lay.central[agent]);
      const Wide loss = load_row(q.vmax, agent) / load_row(q.km, agent) * load_row(g[0], c);
      store(a.at(c, c), load(a.at(c, c)) - loss);
    }
    answers.fill(lay.unit[lay.kind_from[agent] + kind], asked);
    for (Int i = lay.segment_from[agent]; i < lay.segment_from[agent + 1]; ++i) {
      const Segment& s = lay.segments[i];
      Int at = kind * number + s.entry;
      for (int c = 0; c < n; ++c)
        if (s.states >> c & 1) {
          copy_rows(drugs.weight[agent], at, answers.free[c], s.row, s.rows);
          at += s.rows;
        }
    }
    for (std::size_t i = 0; i < flowing.size(); ++i) {
      copy_rows(drugs.part[flowing[i]], kind * rows, answers.part[i], 0, rows);
      copy_rows(drugs.full[flowing[i]], kind * rows, answers.rate[i], 0, rows);
    }
    if (sink) copy_rows(drugs.sink[agent], kind * rows, answers.rate.back(), 0, rows);
  }
  if (!drugs.asked[agent].empty())
    quiet_responses(drugs.day, answers.integrals(), g, drugs.asked[agent], entries, looked_at(lay, agent), drugs.quiet[agent],
                    drugs.quiet_from.row(agent));
}

// The weights of the blood lines.
inline void fill_lines(Block& b) {
  const Layout& lay = b.lay;
  const Lanes& q = b.q;
  Drugs& drugs = b.drugs;
  const Real slot = 1.0 / static_cast<Real>(lay.slots());
  for (int line = 0; line < LINES; ++line) {
    Real* out = drugs.line_weight.row(line * WEIGHT_ROWS);
    const Int kind = lay.line_kind[line];
    if (kind == POWER || kind == SATURATING)
      line_weights(q.line_transit.row(line), q.line_gain.row(line), q.line_loss.row(line), slot, out);
    else if (kind == LIFE_SPAN)
      life_span_weights(q.line_loss.row(line), LINE_SLOTS * slot, out);
  }
}

// Doses of the day of an agent that is given by level: judged on the plasma at the hour of each dose.
inline void rescue_doses(Block& b, Int agent) {
  constexpr Real HOURS = 24.0 / STEPS;
  for (Int r : b.place.rescues) {
    const Rule& rule = b.t.rules[r];
    const Order& o = b.t.orders[rule.order];
    if (b.t.forms[o.form].agent != agent) continue;
    for (int l = 0; l < LANES; ++l) {
      RuleState& state = b.place.rule(r, l);
      if (state.rescue_next < 0 || b.lane(l).status == DONE) continue;
      const Int today = b.today[l];
      for (Int k = 0; k < STEPS; ++k) {
        if (state.rescue_next < 0 || today * STEPS + k < state.rescue_next) continue;
        for (Int j = 0; j < b.t.level_agent.size; ++j)
          b.place.seen(LEVELS_FROM + j, l) = b.drugs.level(j * STEPS + k, l);
        if (state.rescue_given >= rule.at_least && b.holds(rule.until, l)) {
          state.rescue_next = -1;
          continue;
        }
        Real dose = std::min(by_size(b, o, o.amount, l, today), o.cap);
        const Real planned = dose;
        Reason reason = R_RESCUE;
        if (b.place.slot(o.slot, l).stopped == 1) {
          dose = 0.0;
          reason = R_STOPPED;
        } else if (b.place.slot(o.slot, l).held_by >= 0) {
          dose = 0.0;
          reason = R_HELD;
        }
        b.drugs.amount(o.form * STEPS + k, l) += dose * b.q.bioavailability(o.form, l) * diluted(b, o.form, l, today);
        b.drugs.used[o.form * STEPS + k] = 1;
        b.drugs.due[agent] = 1;
        state.rescue_given += 1;
        state.rescue_next += rule.every_step;
        if (b.rec.keeps(DOSES))
          note_run(b, o.slot, l, today,
                   {dose, planned, dose > 0.0 ? 1.0 : 0.0, reason, b.t.forms[o.form].tau, 1, HOURS * k, HOURS * k});
      }
    }
  }
}

// Sums of columns, each times one row: (rows, L) = sum over columns of (rows, L) times (L). A row is summed at once, in
// as many registers as there are columns.
class Terms {
 public:
  void add(const Real* column, const Real* by) {
    column_[number_] = column;
    by_[number_++] = by;
  }
  void sum(Real* out, Int rows) const {
    by_number(
        number_, out, rows, [this](int k) { return column_[k]; }, [this](int k) { return load(by_[k]); });
  }
  // Columns one after the other, times rows of x.
  [[gnu::always_inline]] static void sum(Real* out, Int rows, const Real* columns, Int number, const Real* x, const Int* row) {
    by_number(
        number, out, rows, [=](int k) { return columns + k * rows * LANES; },
        [=](int k) { return load(x + row[k] * LANES); });
  }

 private:
  template <class Column, class By>
  [[gnu::always_inline]] static void by_number(Int number, Real* out, Int rows, Column column, By by) {
    switch (number) {
      case 1: return all<1>(out, rows, column, by);
      case 2: return all<2>(out, rows, column, by);
      case 3: return all<3>(out, rows, column, by);
      case 4: return all<4>(out, rows, column, by);
      case 5: return all<5>(out, rows, column, by);
      case 6: return all<6>(out, rows, column, by);
      case 7: return all<7>(out, rows, column, by);
      default: break;
    }
    constexpr int TOGETHER = 4;  // rows
    Int r = 0;
    for (; r + TOGETHER <= rows; r += TOGETHER) {
      Wide x[TOGETHER] = {};
      for (int k = 0; k < number; ++k) {
        const Real* from = column(k) + r * LANES;
        const Wide times = by(k);
        for (int i = 0; i < TOGETHER; ++i) x[i] += load(from + i * LANES) * times;
      }
      for (int i = 0; i < TOGETHER; ++i) store(out + (r + i) * LANES, x[i]);
    }
    for (; r < rows; ++r) {
      Wide x = {};
      for (int k = 0; k < number; ++k) x += load(column(k) + r * LANES) * by(k);
      store(out + r * LANES, x);
    }
  }
  template <int N, class Column, class By>
  [[gnu::always_inline]] static void all(Real* out, Int rows, Column column_of, By by_of) {
    Wide by[N];
    const Real* column[N];
    for (int k = 0; k < N; ++k) by[k] = by_of(k), column[k] = column_of(k);
#pragma GCC unroll 4
    for (Int at = 0; at < rows * LANES; at += LANES) {
      Wide x = {};
      for (int k = 0; k < N; ++k) x += load(column[k] + at) * by[k];
      store(out + at, x);
    }
  }

  int number_ = 0;
  const Real* column_[64];
  const Real* by_[64];
};

// One agent through one day.
class AgentDay {
 public:
  AgentDay(Block& block, Int number, Wide date, bool levels_wanted)
      : b(block), lay(block.lay), q(block.q), drugs(block.drugs), agent(number), today(date), pending(levels_wanted),
        s0(lay.state_from[number]), n(lay.state_from[number + 1] - s0), z0(lay.product_from[number]),
        products(lay.product_from[number + 1] - z0), r0(lay.row_from[number]),
        rows(lay.row_from[number + 1] - r0), f0(lay.agent_form_from[number]), f1(lay.agent_form_from[number + 1]),
        steps(lay.steps[number]), slots(lay.slots()) {}

  void play() {
    clear();
    if (set_aside()) {
      if (!drugs.answered[agent]) fill_responses(b, agent);  // only what fades on its own was foreseen for today
      play_steps();
    }
    if (quiet) quiet_day();
    if (aside != 0) day_of_slow();
    wash_out();
  }

 private:
  void play_steps() {
    Int leveled = -1;
    for (Int j = 0; j < b.t.level_agent.size; ++j)
      if (b.t.level_agent[j] == agent) leveled = j;
    const bool wanted = leveled >= 0 && pending;
    for (Int number = 0; number < steps; ++number) {
      const Int slot = number * (STEPS / steps);
      if (wanted) store(drugs.level.row(leveled * STEPS + slot), concentration());
      doses(slot, today + static_cast<Real>(slot) / STEPS);
      if (lay.saturable[agent] == 1) {
        saturable_step(number);
      } else {
        linear_step(number, wanted);
        if (wanted)
          copy_rows(drugs.level, leveled * STEPS + slot + 1, drugs.out, r0 + lay.level_row[agent],
                    lay.level_times_from[agent + 1] - lay.level_times_from[agent]);
      }
    }
    for (Int i = f0; i < f1; ++i) {
      const Int f = lay.agent_forms[i];
      if (drugs.running[f]) drugs.running[f] = any(load_row(drugs.left, f) > 0.0);
    }
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g)
      if (by_spread(g) && drugs.touched[g]) shape_of_spread(g);
  }

  Block& b;
  const Layout& lay;
  const Lanes& q;
  Drugs& drugs;
  const Int agent;
  const Wide today;  // of each patient, in days
  const bool pending;
  const Int s0, n, z0, products, r0, rows, f0, f1, steps, slots;
  bool given = false;          // any dose now
  bool changing = false, steady = true;  // are there patients whose concentrations change now, and others?
  Wide fresh{}, dosed{};       // 1 in patients whose concentrations change now; who are given a dose now
  Wide plain{}, kept{};        // 1 in the others; in those whose step counts
  std::uint64_t started = 0;   // bits of the states that the step began with
  bool fed = false;            // something came in during the step
  std::uint64_t aside = 0;     // bits of the states that are set aside
  bool quiet = false;          // is this a quiet day for anybody?
  std::uint64_t calm_states = 0;  // bits of the states of those

  bool is_sharp(Int slot) const { return drugs.sharp_agent[agent * slots + slot] != 0; }
  Wide out(Int row) const { return load_row(drugs.out, r0 + row); }
  // Can the row of the step be anything but zero?
  bool something(Int row) const { return fed || (drugs.made_of[r0 + row] & started) != 0; }

  // Empty the agent's rows of the day.
  void clear() {
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) drugs.touched[g] = 0;
    if (lay.against_row[agent] >= 0)
      for (const Shape& s : lay.shapes)
        if (s.antagonist == agent) drugs.against.clear(s.answer, 2 * slots);
    for (Int j = lay.output_from[agent]; drugs.watching && j < lay.output_from[agent + 1]; ++j)
      if (lay.watched[j] >= 0) drugs.watch.clear(lay.watched[j], slots);
  }

  // Set aside patients who need no steps today: who has nothing of the agent but what fades on its own, neither on board nor
  // coming, and whose day is quiet. Does anybody need steps?
  bool set_aside() {
    const std::uint64_t present = drugs.present[agent], slow = drugs.slow[agent] & present;
    const bool smooth = !drugs.asked[agent].empty();
    if (slow == 0 && !smooth) return true;
    WideInt new_today = load_row(drugs.was_running, agent) > 0.0;
    for (Int i = f0; i < f1; ++i) {
      const Int f = lay.agent_forms[i];
      if (drugs.running[f]) new_today |= load_row(drugs.left, f) > 0.0;
      if (drugs.delaying[f]) new_today |= load_row(drugs.late, f) != 0.0;
      if (drugs.given(f))
        for (Int k = 0; k < STEPS; ++k) new_today |= load_row(drugs.amount, f * STEPS + k) != 0.0;
    }
    if (slow != 0 && slow == present && !any(new_today)) {  // nothing else, of nobody
      for (std::uint64_t left = slow; left; left &= left - 1) {
        const int j = std::countr_zero(left);
        copy_rows(drugs.saved, j, drugs.x, s0 + j, 1);
        drugs.x.clear(s0 + j, 1);
      }
      aside = slow;
      drugs.present[agent] = 0;
      return false;
    }
    WideInt more = {};  // than what fades on its own
    for (std::uint64_t left = present & ~slow; left; left &= left - 1)
      more |= load_row(drugs.x, s0 + std::countr_zero(left)) != 0.0;
    for (Int i = z0; i < z0 + products; ++i) more |= load_row(drugs.z, i) != 0.0;
    WideInt calm = {}, waits = {};
    if (smooth) {
      calm = ~new_today & more & (today - load_row(drugs.last, agent) >= load_row(drugs.quiet_from, agent));
      waits = pending ? asked_for_levels() : waits;
      calm &= ~waits;
      quiet = any(calm);
    }
    const WideInt rests = slow ? ~new_today & ~more : WideInt{};
    const WideInt busy = ~(calm | rests);
    const bool steps_for_some = smooth ? any(new_today | waits | (more & ~calm)) : any(busy);
    if (quiet) {
      calm_states = present;
      for (std::uint64_t left = present; left; left &= left - 1) put_aside(drugs.x, s0, std::countr_zero(left), calm, drugs.other, 0);
      for (int i = 0; i < products; ++i) put_aside(drugs.z, z0, i, calm, drugs.other, static_cast<int>(n));
    }
    if (any(rests)) {
      for (std::uint64_t left = slow; left; left &= left - 1) put_aside(drugs.x, s0, std::countr_zero(left), rests, drugs.saved, 0);
      aside = slow;
    }
    if (!steps_for_some) drugs.present[agent] = 0;
    return steps_for_some;
  }

  // Row i of x goes to `to` for these patients.
  void put_aside(Rows& x, Int first, int i, WideInt who, Rows& to, int shift) {
    const Wide all = load_row(x, first + i);
    store(to.row(shift + i), who ? all : Wide{});
    store(x.row(first + i), who ? Wide{} : all);
  }

  // Who waits for a dose that a level decides on.
  WideInt asked_for_levels() const {
    WideInt waits = {};
    if (std::find(b.t.level_agent.begin(), b.t.level_agent.end(), agent) == b.t.level_agent.end()) return waits;
    for (Int r = 0; r < b.t.rules.size; ++r)
      if (b.t.rules[r].kind == RESCUE)
        for (int l = 0; l < LANES; ++l)
          if (b.place.rule(r, l).rescue_next >= 0) waits[l] = -1;
    return waits;
  }

  // The quiet day of those who were set aside for it.
  void quiet_day() {
    const std::vector<int>& asked = drugs.asked[agent];
    const Int each = quiet_results(drugs, lay, agent);
    Terms terms;
    for (std::uint64_t left = calm_states; left; left &= left - 1) {
      const int j = std::countr_zero(left);
      terms.add(drugs.quiet[agent].row(j * each), drugs.other.row(j));
    }
    Rows& end = drugs.saved_quiet;
    terms.sum(end.row(0), each);
    std::uint64_t present = drugs.present[agent];
    for (Int j = 0; j < n; ++j) {
      if (!(drugs.made_of[r0 + j] & calm_states)) continue;
      Real* x = drugs.x.row(s0 + j);
      store(x, load(x) + load_row(end, j));
      present |= std::uint64_t{1} << j;
    }
    drugs.present[agent] = present;
    kept = everywhere(1.0);
    std::size_t known = 0;
    auto values = [&](Int output) {
      while (asked[known] != output) known = known + 1 < asked.size() ? known + 1 : 0;
      return end.row(n + TIMES * static_cast<Int>(known));
    };
    if (products > 0) quiet_products(end.row(n));
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      if (s.made_of == PRODUCT || !(drugs.made_of[r0 + s.source] & calm_states)) continue;
      const bool first = touch(g, true, s.antagonist >= 0 && answers_today(s.antagonist));
      const Real* at = values(s.output);
      if (s.function == HILL && s.parts == 1) {
        Wide mean = {}, square = {};
        for (int k = 0; k < TIMES; ++k) {
          const Wide x = larger(load(at + k * LANES), 0.0), part = TIME_WEIGHT[k == 1 || k == 2] * x;
          mean += part;
          square += part * x;
        }
        put(first, s.row, mean_of_spread(s, mean, square));
        continue;
      }
      bent(q, s.function, s.effect, load_row(q.effect_b, s.effect), [&](auto f) {
        Wide y[TIMES];
        for (int k = 0; k < TIMES; k += 2) {
          const Two two = both_of(f, larger(load(at + k * LANES), 0.0), larger(load(at + (k + 1) * LANES), 0.0));
          y[k] = two.u;
          y[k + 1] = two.v;
        }
        if (s.parts == 1)
          put(first, s.row, TIME_WEIGHT[0] * (y[0] + y[3]) + TIME_WEIGHT[1] * (y[1] + y[2]));
        else
          put_all(g, first, s.parts == slots ? drugs.day.slot : drugs.day.half, y);
      });
    }
    for (Int j = 0; drugs.watching && j < lay.linear_outputs[agent]; ++j) {
      const Int watched = lay.watched[lay.output_from[agent] + j];
      if (watched < 0) continue;
      const Int first = n + TIMES * static_cast<Int>(asked.size()) + slots * j;  // all outputs are asked for
      for (Int k = 0; k < slots; ++k) raise(drugs.watch, watched + k, load_row(end, first + k));
    }
  }

  // May an antagonist be on board today, whose own day perhaps comes later?
  bool answers_today(Int antagonist) const {
    return pending || drugs.on_board[antagonist] || drugs.due[antagonist] || drugs.acting[antagonist];
  }

  // A row of a shape on a quiet day: the first that is put there, or more.
  void put(bool first, Int row, Wide x) {
    if (first)
      store(drugs.shape.row(row), x);
    else
      raise(drugs.shape, row, x);
  }

  // Parts of the day of a quiet shape.
  void put_all(Int g, bool first, const std::vector<AtTimes>& parts, const Wide* values) {
    const Int row = lay.shapes[g].row;
    const bool by_nodes = drugs.by_nodes[g];
    by_rows(static_cast<Int>(parts.size()), [&](auto number) {
#pragma GCC unroll 12
      for (Int k = 0; k < number; ++k) {
        const Wide mean = larger(through(parts[k], values), 0.0);
        if (by_nodes) {
          put(first, row + 2 * k, mean);
          put(first, row + 2 * k + 1, mean);
        } else {
          put(first, row + k, mean);
        }
      }
    });
  }

  // Products of a quiet day, made of plasma at its four times.
  void quiet_products(const Real* plasma) {
    for (Int i = z0; i < z0 + products; ++i) {
      const Wide half = load_row(q.product_half, i), others = load_row(drugs.z, i);
      store(drugs.z.row(i), load_row(drugs.other, n + i - z0));
      Wide y[TIMES];
      for (int k = 0; k < TIMES; k += 2) {
        const Two two = both_of(Emax{half}, larger(load(plasma + k * LANES), 0.0), larger(load(plasma + (k + 1) * LANES), 0.0));
        y[k] = two.u;
        y[k + 1] = two.v;
      }
      const Int windows = slots / 2;
      const Real length = 1.0 / static_cast<Real>(windows);
      for (Int w = 0; w < windows; ++w) {
        const Uptake up{larger(through(drugs.day.half[w], y), 0.0), through(drugs.day.tilt[w], y)};
        product_effects(i - z0, form_product(i, lay.product_row[i], up), static_cast<Real>(w) * length, length);
      }
      store(drugs.z.row(i), load_row(drugs.z, i) + others);
    }
  }

  // A day of what is set aside.
  void day_of_slow() {
    auto faded = [&](int j, int row) { return load_row(drugs.fade, SLOW_ROWS * (s0 + j) + row); };
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      const std::uint64_t from = drugs.made_of[r0 + s.source] & aside;
      if (from == 0) continue;
      const bool first = touch(g, true);
      auto output = [&](int row) {
        Wide sum = {};
        for (std::uint64_t left = from; left; left &= left - 1) {
          const int j = std::countr_zero(left);
          sum += load_row(q.g, lay.g_from[agent] + s.output * n + j) * (load_row(drugs.saved, j) * faded(j, row));
        }
        return sum;
      };
      put(first, s.row, s.function == LINEAR ? output(MEAN_OF_DAY) : between(s, output(AT_NODES + 1), output(AT_NODES)));
    }
    watch_slow();
    for (std::uint64_t left = aside; left; left &= left - 1) {
      const int j = std::countr_zero(left);
      Real* x = drugs.x.row(s0 + j);
      store(x, load(x) + load_row(drugs.saved, j) * faded(j, REMAINS));
    }
    drugs.present[agent] |= aside;
  }

  // The means over slots of the outputs that somebody asked for.
  void watch_slow() {
    for (Int j = 0; drugs.watching && j < lay.linear_outputs[agent]; ++j) {
      const Int watched = lay.watched[lay.output_from[agent] + j];
      if (watched < 0) continue;
      for (std::uint64_t left = aside; left; left &= left - 1) {
        const int i = std::countr_zero(left);
        const Wide x = load_row(q.g, lay.g_from[agent] + j * n + i) * load_row(drugs.saved, i);
        const Wide loss = -load_row(q.a, lay.a_from[agent] + i * n + i) * (1.0 / static_cast<Real>(slots));
        for (Int k = 0; k < slots; ++k)
          raise(drugs.watch, watched + k,
                x * exp_wide(-loss * static_cast<Real>(k)) * ((1.0 - exp_wide(-loss)) / loss));
      }
    }
  }

  // Plasma concentration now: the first output's row of g times the states.
  Wide concentration() const {
    Wide total = {};
    for (Int j = 0; j < n; ++j) total += load_row(q.g, lay.g_from[agent] + j) * load_row(drugs.x, s0 + j);
    return total;
  }

  // Doses of this hour (`now`, in days): boluses into the states, delayed ones and infusions into what the step's inputs
  // are. Marks the patients whose concentrations change now: a dose, or an infusion that runs or has just stopped.
  void doses(Int slot, Wide now) {
    Real* was = drugs.was_running.row(agent);
    fresh = load(was);
    dosed = Wide{};
    given = false;
    Wide still = {};
    WideInt flows = {};  // into whom something flows during the step
    for (Int i = f0; i < f1; ++i) {
      const Int f = lay.agent_forms[i];
      const Form& form = b.t.forms[f];
      if (drugs.used[f * STEPS + slot]) {
        given = true;
        const Wide dose = load_row(drugs.amount, f * STEPS + slot), since = load_row(drugs.first, agent);
        const auto some = dose > 0.0;
        fresh = some ? everywhere(1.0) : fresh;
        dosed = some ? everywhere(1.0) : dosed;
        store(drugs.first.row(agent), (some & (since < 0.0)) ? now : since);
        if (form.tau > 0.0) {
          for (int l = 0; l < LANES; ++l) {
            if (!(dose[l] > 0.0)) continue;
            Int free = f;  // the first copy in which no infusion runs in this patient
            while (drugs.left(free, l) > 0.0 && b.t.forms[free].next >= 0) free = b.t.forms[free].next;
            drugs.left(free, l) = form.tau;
            drugs.rate(free, l) = dose[l] / form.tau;
            drugs.running[free] = 1;
          }
        } else if (form.lag > 0.0) {
          flows |= some;
          store(drugs.late.row(f), some ? dose : load_row(drugs.late, f));
          store(drugs.wait.row(f), some ? everywhere(form.lag) : load_row(drugs.wait, f));
          drugs.delaying[f] = 1;
        } else {
          Real* x = drugs.x.row(s0 + lay.form_entry[f]);
          store(x, load(x) + (some ? dose : Wide{}));
          drugs.present[agent] |= std::uint64_t{1} << lay.form_entry[f];
        }
      }
      if (drugs.running[f]) {
        const auto runs = load_row(drugs.left, f) > 0.0;
        fresh = runs ? everywhere(1.0) : fresh;
        still = runs ? everywhere(1.0) : still;
        flows |= runs;
      }
    }
    store(was, still);
    Real* last = drugs.last.row(agent);
    const Wide until = dosed > 0.0 ? now : load(last);
    store(last, flows ? now + 1.0 / static_cast<Real>(steps) : until);
    plain = 1.0 - fresh;
    changing = any(fresh > 0.0);
    steady = any(fresh == 0.0);
  }

  // The first `number` rows of a step, from the states that anybody has something of: those of the groups (bits: always,
  // plain, levels, fresh), the others empty. What is left out changes nothing, to the last bit. w: where the kind's weights
  // begin.
  void step(Int number, unsigned groups, Int w) {
    started = drugs.present[agent];
    fed = false;
    for (Int i = lay.segment_from[agent]; i < lay.segment_from[agent + 1]; ++i) {
      const Segment& s = lay.segments[i];
      if (s.row >= number) break;
      const std::uint64_t states = static_cast<std::uint64_t>(s.states);
      if (!(groups >> s.group & 1) || !(states & started)) {
        drugs.out.clear(r0 + s.row, s.rows);
        continue;
      }
      const Real* weight = drugs.weight[agent].row(w + s.entry);
      if ((states & ~started) == 0) {
        const Int from = drugs.segment_states_from[i];
        Terms::sum(drugs.out.row(r0 + s.row), s.rows, weight, drugs.segment_states_from[i + 1] - from, drugs.x.row(s0),
                   drugs.segment_states.data() + from);
        continue;
      }
      Terms terms;
      for (std::uint64_t left = states; left; left &= left - 1, weight += s.rows * LANES)
        if (left & -left & started) terms.add(weight, drugs.x.row(s0 + std::countr_zero(left)));
      terms.sum(drugs.out.row(r0 + s.row), s.rows);
    }
  }

  // The states at the end of a step become those at the start of the next.
  void keep_states() {
    copy_rows(drugs.x, s0, drugs.out, r0, n);
    std::uint64_t present = 0;
    for (Int j = 0; j < n; ++j)
      if (something(j)) present |= std::uint64_t{1} << j;
    drugs.present[agent] = present;
  }

  // Add an input to the first `number` rows of the step: amount times its unit response.
  void add(const Rows& unit, Int unit0, Wide amount, Int number) {
    fed = true;
    for (Int r = 0; r < number; ++r) {
      Real* o = drugs.out.row(r0 + r);
      store(o, load(o) + load_row(unit, unit0 + r) * amount);
    }
  }

  // What infusions and delayed doses put into a step of `length` days.
  void inputs(Int kind, Real length, Int number) {
    const bool bends = lay.saturable[agent] == 1;
    for (Int i = f0; i < f1; ++i) {
      const Int f = lay.agent_forms[i], at = kind * rows;
      if (drugs.delaying[f] && !bends) {
        add(drugs.part[f], at, load_row(drugs.late, f), number);
        drugs.late.clear(f, 1);
        drugs.delaying[f] = 0;
      }
      if (!drugs.running[f]) continue;
      const Wide left = load_row(drugs.left, f), rate = load_row(drugs.rate, f);
      if (bends) {  // what ends within a step is spread over it
        add(drugs.full[f], at, rate * smaller(left, length) / length, number);
      } else {  // whole steps, then the rest with its own response
        const Real rest = b.t.forms[f].rest_days;
        const auto whole = left > length - 1e-9;
        if (rest > 0.0) add(drugs.part[f], at, (~whole & (left > 0.0)) ? rate * rest : Wide{}, number);
        add(drugs.full[f], at, whole ? rate : Wide{}, number);
      }
      store(drugs.left.row(f), left > length + 1e-9 ? left - length : Wide{});
    }
  }

  // What has washed out of a patient is set to zero, state by state and patient by patient, so that the block does not
  // matter: a compartment that keeps an effect for months must not keep plasma on the clock. Nothing is taken from a
  // patient in whom an infusion runs.
  void wash_out() {
    const auto runs = load_row(drugs.was_running, agent) > 0.0;
    std::uint64_t present = 0;
    for (std::uint64_t bits = drugs.present[agent]; bits; bits &= bits - 1) {
      const int j = std::countr_zero(bits);
      const Wide x = load_row(drugs.x, s0 + j), least = GONE * load_row(q.state_scale, s0 + j);
      const Wide left = ((x > least) | (x < -least) | runs) ? x : Wide{};
      store(drugs.x.row(s0 + j), left);
      if (any(left != 0.0)) present |= std::uint64_t{1} << j;
    }
    drugs.present[agent] = present;
    bool left = present != 0 || any(runs);
    for (Int i = z0; i < z0 + products; ++i) {
      const Wide z = load_row(drugs.z, i);
      const Wide stays = ((z > GONE * load_row(drugs.plateau, i)) | runs) ? z : Wide{};
      store(drugs.z.row(i), stays);
      left |= any(stays > 0.0);
    }
    for (Int i = f0; i < f1 && !left; ++i) left = any(load_row(drugs.left, lay.agent_forms[i]) > 0.0);
    drugs.on_board[agent] = left;  // today's outputs stay until the effects of the day are known
  }

  void watch(Int at, Real share, Wide x) {
    Real* o = drugs.watch.row(at);
    store(o, load(o) + share * kept * x);
  }

  // Is this the first that comes to a shape today? Then its rows are emptied, but where `all` of them are written next.
  // by_nodes: of a shape that an antagonist answers.
  bool touch(Int g, bool all = false, bool by_nodes = true) {
    if (drugs.touched[g]) return false;
    const Shape& s = lay.shapes[g];
    drugs.touched[g] = true;
    drugs.by_nodes[g] = by_nodes && s.antagonist >= 0;
    if (!all) drugs.shape.clear(s.row, drugs.by_nodes[g] ? 2 * slots : s.parts);
    if (by_spread(g)) drugs.spread.clear(2 * g, 2);
    return true;
  }
  void raise(Rows& x, Int at, Wide more) { store(x.row(at), load_row(x, at) + more); }

  // Mean of C / (half + C) over a window or a step, and its first moment about the middle, in windows.
  struct Uptake {
    Wide mean = {}, moment = {};
  };

  // Add what the two Gauss nodes of a `share` of a window take up; early, late: where they stand from its middle.
  void take_up(Uptake& up, Int first, Int product, Wide weigh, Real share, Real early, Real late) const {
    const Wide half = load_row(q.product_half, product), w = 0.5 * share * weigh;
    const Two at = both_of(Emax{half}, out(first), out(first + 1));
    const Wide f = w * at.u, g = w * at.v;
    up.mean += f + g;
    up.moment += early * f + late * g;
  }

  // Advance a product, dz/dt = formation C/(half+C) - loss z, over one window with the window's mean uptake and its
  // moment; row d of decay and shift belongs to the window's length. What is taken up late in the window adds less to the
  // mean of z, and more to its end: to first and second order in loss t. Returns two values with the mean of z, and with the
  // variance that it has on a straight line through the window.
  Two form_product(Int i, Int d, const Uptake& up) {
    const Wide plateau = load_row(drugs.plateau, i), decay = load_row(drugs.decay, d), shift = load_row(drugs.shift, d);
    const Wide before = load_row(drugs.z, i), lost = load_row(drugs.lost, d);
    const Wide steady = plateau * up.mean, gap = before - steady, later = plateau * lost * up.moment;
    const Wide after = steady + gap * decay + lost * later, mean = steady + gap * shift - later;
    store(drugs.z.row(i), after);
    const Wide apart = smaller(size_of(after - before) * 0.28867513459481288, mean);  // 1 / root of 12
    return {mean - apart, mean + apart};
  }

  // Shapes of a saturable product from `start` on for `length` (of a day), the mean of both its values there.
  void product_effects(Int product, Two z, Real start, Real length) {
    const Int output = lay.linear_outputs[agent] + product;
    for (Int g : drugs.of_product[z0 + product]) {
      const Shape& s = lay.shapes[g];
      touch(g);
      bent(q, s.function, s.effect, load_row(q.effect_b, s.effect), [&](auto f) {
        const Real number = static_cast<Real>(s.parts);
        const Int each = s.antagonist >= 0 ? 2 : 1, at = s.row + each * static_cast<Int>(start * number + 1e-9);
        const Two both = both_of(f, z.u, z.v);
        const Wide x = 0.5 * (both.u + both.v), more = kept * std::min(1.0, length * number) * x;
        for (Int k = 0; k < each * std::max<Int>(1, static_cast<Int>(length * number + 1e-9)); ++k)
          raise(drugs.shape, at + k, more);
        if (s.sharp < 0) return;
        const Real by = static_cast<Real>(slots);
        const Int slot = static_cast<Int>(start * by + 1e-9);
        if (is_sharp(slot)) sharp_product(s, slot, start * by - static_cast<Real>(slot), length * by, x);
      });
    }
    const Int watched = lay.watched[lay.output_from[agent] + output];
    if (watched >= 0) {
      const Real number = static_cast<Real>(slots);
      for (Int k = 0; k < std::max<Int>(1, static_cast<Int>(length * number + 1e-9)); ++k)
        watch(watched + static_cast<Int>(start * number + 1e-9) + k, std::min(1.0, length * number), 0.5 * (z.u + z.v));
    }
  }

  // Add a micro-step to the means of the panels it lies in; start and length in slots.
  void sharp_product(const Shape& s, Int slot, Real start, Real length, Wide x) {
    for (int p = 0; p < PANELS; ++p) {
      const Real from = SHARP[p] / SHARP_END, to = SHARP[p + 1] / SHARP_END;
      const Real shared = std::min(to, start + length) - std::max(from, start);
      if (shared > 1e-9) raise(drugs.sharp, s.sharp + slot * PANELS + p, kept * (shared / (to - from)) * x);
    }
  }

  // Note for a slot who was given a sharp dose.
  void mark_sharp(Int slot) {
    drugs.sharp_on[slot] = 1;
    drugs.sharp_agent[agent * slots + slot] = 1;
    store(drugs.sharp_given.row(agent * slots + slot), dosed);
    Real* lane = drugs.sharp_lane.row(slot);
    store(lane, larger(load(lane), dosed));
  }

  // A shape, or what takes away from it, at both nodes of each of the step's fine windows: two rows of `to` from `at(w)` on,
  // since one must be multiplied by the other. After a dose (rows from `panel` on, else -1) two rows stand for all panels of
  // a window, with their mean and their first moment. source: row of the plain nodes, or -1.
  template <class F, class At>
  void both(F f, Int source, Int panel, Rows& to, At at) {
    const Int tiles = lay.fine_windows[agent];
    if (source >= 0 && something(source))
      for (Int w = 0; w < tiles; ++w) {
        const Two y = both_of(f, out(source + 2 * w), out(source + 2 * w + 1));
        raise(to, at(w), plain * y.u);
        raise(to, at(w) + 1, plain * y.v);
      }
    if (panel < 0) return;
    const Real windows = static_cast<Real>(steps * tiles);  // of a day
    constexpr Real apart = 1.0 / (GAUSS[1] - GAUSS[0]);
    for (Int p = lay.panel_from[agent]; p < lay.panel_from[agent + 1]; ++p, panel += 2) {
      const Real early = lay.panel_times[2 * p] * windows, late = lay.panel_times[2 * p + 1] * windows;
      const Int w = static_cast<Int>(0.5 * (early + late));
      const Two now = both_of(f, out(panel), out(panel + 1));
      const Wide share = (late - early) * apart * apart * fresh, u = share * now.u, v = share * now.v;
      const Real x = early - static_cast<Real>(w), y = late - static_cast<Real>(w);
      raise(to, at(w), (GAUSS[1] - x) * u + (GAUSS[1] - y) * v);
      raise(to, at(w) + 1, (x - GAUSS[0]) * u + (y - GAUSS[0]) * v);
    }
  }

  // One step of an agent whose elimination is linear.
  void linear_step(Int number, bool leveled) {
    const Int panels = lay.panel_from[agent + 1] - lay.panel_from[agent];
    const bool some = panels > 0 && changing, rest = panels == 0 || steady;
    const bool sharp = given && lay.sharp_from[agent + 1] > lay.sharp_from[agent];
    const Int all = leveled || some || sharp ? rows : lay.plain_rows[agent];
    step(all, 1u | unsigned{rest} << 1 | unsigned{leveled} << 2 | unsigned{some || sharp} << 3, 0);
    inputs(lay.micro_kind[lay.micro_from[agent]], 1.0 / static_cast<Real>(steps), all);
    keep_states();
    kept = everywhere(1.0);
    if (!some) plain = kept;
    products_of_step(number, rest, some, panels);
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      if (s.made_of == PRODUCT || !(something(s.source) || some)) continue;
      touch(g);
      if (by_spread(g)) {
        note_spread(g);
        continue;
      }
      if (s.made_of == MEAN && s.parts == 1 && s.function != LINEAR) {
        raise(drugs.shape, s.row, between(s, out(s.source), out(s.source + 1)));
        continue;
      }
      bent(q, s.function, s.effect, load_row(q.effect_b, s.effect), [&](auto f) {
        if (s.made_of == MEAN)
          shape_of_means(s, number, f);
        else if (s.antagonist >= 0)
          answered_shape(s, number, f, rest, some);
        else
          shape_of_nodes(s, number, f, rest, some, panels);
      });
      if (sharp && s.sharp >= 0) {  // the means of the panels of the slot that starts now
        const Int slot = number * slots / steps;
        mark_sharp(slot);
        copy_rows(drugs.sharp, s.sharp + slot * PANELS, drugs.out, r0 + s.panels, PANELS);
      }
    }
    const Int tiles = lay.fine_windows[agent];
    if (lay.against_row[agent] >= 0)
      for (const Shape& s : lay.shapes)
        if (s.antagonist == agent)
          bent(q, EMAX, s.effect, load_row(q.antagonist_half, s.effect), [&](auto f) {
            both(f, rest ? lay.against_row[agent] : -1, some ? lay.against_panels[agent] : -1, drugs.against,
                 [&](Int w) { return s.answer + 2 * (number * tiles + w); });
          });
    const Real share = static_cast<Real>(slots) / static_cast<Real>(steps * tiles);
    for (Int j = lay.output_from[agent]; drugs.watching && j < lay.output_from[agent] + lay.linear_outputs[agent]; ++j)
      if (lay.watched[j] >= 0)
        for (Int k = 0; k < tiles; ++k)
          watch(lay.watched[j] + static_cast<Int>(static_cast<Real>(number * tiles + k) * share + 1e-9), share,
                out(lay.watch_source[j] + k));
  }

  // Products whose formation saturates, window by window.
  void products_of_step(Int number, bool rest, bool some, Int panels) {
    const Int windows = lay.windows[agent], plasma = lay.plasma_row[agent];
    const Real length = 1.0 / static_cast<Real>(steps * windows);  // of a window, in days
    for (Int i = z0; i < z0 + products; ++i) {
      if (!something(plasma) && !any(load_row(drugs.z, i) != 0.0)) continue;
      for (Int w = 0; w < windows; ++w) {
        Uptake up;
        if (rest && something(plasma + 2 * w)) take_up(up, plasma + 2 * w, i, plain, 1.0, GAUSS[0] - 0.5, GAUSS[1] - 0.5);
        if (some)
          for (Int k = 0; k < panels; ++k) {
            const Int p = lay.panel_from[agent] + k;
            if (lay.panel_window[p] != w) continue;
            take_up(up, lay.plasma_panels[agent] + 2 * k, i, fresh, lay.panel_share[p],
                    lay.panel_times[2 * p] / length - static_cast<Real>(w) - 0.5,
                    lay.panel_times[2 * p + 1] / length - static_cast<Real>(w) - 0.5);
          }
        product_effects(i - z0, form_product(i, lay.product_row[i], up), static_cast<Real>(number * windows + w) * length, length);
      }
    }
  }

  // A shape of a driver's means over windows; where only the day's mean is wanted, of the step's mean or values at both nodes.
  template <class F>
  void shape_of_means(const Shape& s, Int number, F f) {
    const Int tiles = s.parts == 1 ? 1 : s.parts == slots ? lay.fine_windows[agent] : lay.windows[agent];
    const Real share = static_cast<Real>(s.parts) / static_cast<Real>(steps * tiles);
    for (Int w = 0; w < tiles; ++w)
      raise(drugs.shape, s.row + static_cast<Int>(static_cast<Real>(number * tiles + w) * share + 1e-9),
            share * f(out(s.source + w)));
  }

  // Is a shape's mean of the day taken from the mean and the spread of its driver, which many steps add up? What is slow
  // bends little in a day.
  bool by_spread(Int g) const { return drugs.by_spread[g]; }
  void note_spread(Int g) {
    const Wide u = out(lay.shapes[g].source), v = out(lay.shapes[g].source + 1);
    const Int at = 2 * g;
    const Real each = 0.5 / static_cast<Real>(steps);
    raise(drugs.spread, at, each * (u + v));
    raise(drugs.spread, at + 1, each * (u * u + v * v));
  }
  // Two values of the driver's mean and variance.
  void shape_of_spread(Int g) {
    const Shape& s = lay.shapes[g];
    const Int at = 2 * g;
    raise(drugs.shape, s.row, mean_of_spread(s, load_row(drugs.spread, at), load_row(drugs.spread, at + 1)));
  }
  Wide mean_of_spread(const Shape& s, Wide mean, Wide square) const {
    const Wide apart = root(larger(square - mean * mean, 0.0));
    return between(s, larger(mean - apart, 0.0), mean + apart);
  }
  Wide between(const Shape& s, Wide u, Wide v) const {
    return mean_between(q, s.function, s.effect, load_row(q.effect_b, s.effect), u, v);
  }

  // A shape of a driver's values at the nodes of windows of one slot or two, and of panels after a dose.
  template <class F>
  void shape_of_nodes(const Shape& s, Int number, F f, bool rest, bool some, Int panels) {
    const Int windows = lay.windows[agent];
    const Real share = static_cast<Real>(s.parts) / static_cast<Real>(steps * windows);
    if (s.parts == 1) {
      raise(drugs.shape, s.row, mean_of_nodes(s, f, rest, some, panels) * (1.0 / static_cast<Real>(steps)));
      return;
    }
    auto row = [&](Int w) { return s.row + static_cast<Int>(static_cast<Real>(number * windows + w) * share + 1e-9); };
    if (rest && something(s.source))
      for (Int w = 0; w < windows; ++w) {
        const Two y = both_of(f, out(s.source + 2 * w), out(s.source + 2 * w + 1));
        const Wide early = plain * y.u, late = plain * y.v;
        const Wide mean = 0.5 * (early + late);
        if (share == 2.0) {  // both slots, from the straight line through both nodes
          const Wide change = 0.25 / (GAUSS[1] - GAUSS[0]) * (late - early);
          raise(drugs.shape, row(w), larger(mean - change, 0.0));
          raise(drugs.shape, row(w) + 1, larger(mean + change, 0.0));
        } else {
          raise(drugs.shape, row(w), share * mean);
        }
      }
    if (!some) return;
    const Real length = 1.0 / static_cast<Real>(steps * windows);
    for (Int k = 0; k < panels; ++k) {
      const Int p = lay.panel_from[agent] + k, w = lay.panel_window[p], value = s.panels + 2 * k;
      const Int half = share == 2.0 && lay.panel_times[2 * p] / length - static_cast<Real>(w) > 0.5 ? 1 : 0;
      const Two y = both_of(f, out(value), out(value + 1));
      raise(drugs.shape, row(w) + half, 0.5 * share * lay.panel_share[p] * fresh * (y.u + y.v));
    }
  }

  // The mean of such a shape over the step.
  template <class F>
  Wide mean_of_nodes(const Shape& s, F f, bool rest, bool some, Int panels) const {
    const Real each = 0.5 / static_cast<Real>(lay.windows[agent]);
    Wide before = {}, after = {};
    if (rest && something(s.source))
      for (Int k = 0; k < lay.windows[agent]; ++k) {
        const Two y = both_of(f, out(s.source + 2 * k), out(s.source + 2 * k + 1));
        before += y.u + y.v;
      }
    if (some)
      for (Int k = 0; k < panels; ++k) {
        const Two y = both_of(f, out(s.panels + 2 * k), out(s.panels + 2 * k + 1));
        after += lay.panel_share[lay.panel_from[agent] + k] * (y.u + y.v);
      }
    return each * (plain * before + fresh * after);
  }

  // A shape that an antagonist answers: its values at the nodes of fine windows.
  template <class F>
  void answered_shape(const Shape& s, Int number, F f, bool rest, bool some) {
    const Int tiles = lay.fine_windows[agent];
    const Real share = static_cast<Real>(s.parts) / static_cast<Real>(steps * tiles);
    both(f, rest ? s.source : -1, some ? s.panels : -1, drugs.shape, [&](Int w) {
      return s.row + 2 * static_cast<Int>(static_cast<Real>(number * tiles + w) * share + 1e-9);
    });
  }

  // 1 in patients who have so little on board that elimination is linear, were all of it in plasma.
  Wide calm() const {
    if (lay.calm[agent] == 0.0) return Wide{};
    const std::uint64_t feeds = drugs.made_of[r0 + lay.central[agent]];
    Wide total = {}, least = load_row(q.km, agent);
    for (Int j = 0; j < n; ++j)
      if (feeds & drugs.present[agent] & std::uint64_t{1} << j) total += load_row(drugs.x, s0 + j);
    for (Int i = z0; i < z0 + products; ++i) least = smaller(least, load_row(q.product_half, i));
    total *= load_row(q.g, lay.g_from[agent] + lay.central[agent]);
    return total < lay.calm[agent] * least ? 1.0 - fresh : Wide{};
  }

  // Two hours of an agent whose elimination saturates or changes: patients whose concentrations change now on a finer
  // mesh than the others, those with next to nothing in one step, each on its own only.
  void saturable_step(Int number) {
    for (Int g = lay.shape_from[agent]; given && g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      if (s.sharp < 0) continue;
      for (Int slot = number * slots / steps; slot < (number + 1) * slots / steps; ++slot) {
        mark_sharp(slot);
        drugs.sharp.clear(s.sharp + slot * PANELS, PANELS);
      }
    }
    const Wide little = calm();
    const struct {
      Wide who;
      Int first, last;
    } meshes[] = {{little, lay.micro_calm[agent], lay.micro_from[agent + 1]},
                  {1.0 - fresh - little, lay.micro_plain[agent], lay.micro_calm[agent]},
                  {fresh, lay.micro_from[agent], lay.micro_plain[agent]}};  // last, since infusions and delays go on from it
    const std::uint64_t present = drugs.present[agent];
    std::uint64_t all = 0;
    bool mixed = false;
    for (const auto& mesh : meshes) {
      if (!any(mesh.who > 0.0)) continue;
      const bool whole = !any(mesh.who == 0.0);
      kept = mesh.who;
      if (!whole) {
        if (!mixed) {
          copy_rows(drugs.saved, 0, drugs.x, s0, n);
          copy_rows(drugs.saved, n, drugs.z, z0, products);
          for (Int i = f0; i < f1; ++i) copy_rows(drugs.saved_left, i - f0, drugs.left, lay.agent_forms[i], 1);
        } else {
          copy_rows(drugs.x, s0, drugs.saved, 0, n);
          copy_rows(drugs.z, z0, drugs.saved, n, products);
          for (Int i = f0; i < f1; ++i) copy_rows(drugs.left, lay.agent_forms[i], drugs.saved_left, i - f0, 1);
          drugs.present[agent] = present;
        }
        mixed = true;
      }
      const bool doses = mesh.last == lay.micro_plain[agent];
      for (Int m = mesh.first; m < mesh.last; ++m) {
        if (doses) arrivals(lay.micro_share[m] / static_cast<Real>(steps));
        micro_step(number, m);
      }
      if (doses) arrivals(std::numeric_limits<Real>::infinity());
      if (whole) return;
      auto take = [&](Int other, const Rows& x, Int i) {
        store(drugs.other.row(other), mesh.who > 0.0 ? load_row(x, i) : load_row(drugs.other, other));
      };
      for (Int j = 0; j < n; ++j) take(j, drugs.x, s0 + j);
      for (Int j = 0; j < products; ++j) take(n + j, drugs.z, z0 + j);
      all |= drugs.present[agent];
    }
    copy_rows(drugs.x, s0, drugs.other, 0, n);
    copy_rows(drugs.z, z0, drugs.other, n, products);
    drugs.present[agent] = all;
  }

  // Delayed doses that enter in a micro-step of `length` days: at its start and its end, so much of each that they enter
  // in time on average. Of infinite length: whatever is left, now.
  void arrivals(Real length) {
    for (Int i = f0; i < f1; ++i) {
      const Int f = lay.agent_forms[i];
      if (!drugs.delaying[f]) continue;
      for (int l = 0; l < LANES; ++l) {
        const Real wait = drugs.wait(f, l);
        if (wait >= length) {
          drugs.wait(f, l) = wait - length;
          continue;
        }
        const Real later = drugs.late(f, l) * wait / length;
        drugs.x(s0 + lay.form_entry[f], l) += drugs.late(f, l) - later;
        drugs.present[agent] |= std::uint64_t{1} << lay.form_entry[f];
        drugs.late(f, l) = later;
        drugs.wait(f, l) = 0.0;
      }
      if (std::isinf(length)) drugs.delaying[f] = 0;
    }
  }

  void micro_step(Int number, Int m) {
    const Int kind = lay.micro_kind[m];
    const Real share = lay.micro_share[m], all = static_cast<Real>(steps);
    const Wide before = products > 0 ? concentration() : Wide{};
    step(rows, 1u, kind * (lay.entry_from[agent + 1] - lay.entry_from[agent]));
    inputs(kind, share / all, rows);
    const Real start = (static_cast<Real>(number) + lay.micro_start[m]) / all;
    const Int k0 = kind * rows;
    const bool was_fed = fed;
    const Wide now = today + start + 0.5 * share / all;
    if (m < lay.micro_calm[agent])
      add(drugs.sink[agent], k0, sink(now, k0, load_row(q.vmax, agent)), rows);
    else if (any(load_row(q.clearance_extra, agent) != 0.0))
      add(drugs.sink[agent], k0, sink(now, k0, Wide{}), rows);
    fed = was_fed;  // it only takes away
    Wide spread = {};  // variance of plasma within the step
    if (products > 0) {
      for (Int j = 0; j < n; ++j) spread += load_row(q.g, lay.g_from[agent] + j) * out(j);
      spread = (spread - before) * (spread - before) * (1.0 / 12.0);
    }
    for (Int i = z0; i < z0 + products; ++i) {
      const Wide plasma = out(lay.plasma_row[agent]), half = load_row(q.product_half, i), under = 1.0 / (half + plasma);
      const Uptake up{plasma * under - half * spread * under * under * under, {}};  // to second order about the mean
      product_effects(i - z0, form_product(i, lay.product_row[i] + kind, up), start, share / all);
    }
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      if (s.made_of == PRODUCT || !something(s.source)) continue;
      touch(g);
      const Real number_of = static_cast<Real>(s.parts);
      bent(q, s.function, s.effect, load_row(q.effect_b, s.effect), [&](auto f) {
        raise(drugs.shape, s.row + static_cast<Int>(start * number_of + 1e-9),
              kept * (share / all * number_of) * f(out(s.source)));
      });
    }
    for (Int j = 0; drugs.watching && j < lay.linear_outputs[agent]; ++j) {
      const Int watched = lay.watched[lay.output_from[agent] + j];
      if (watched >= 0)
        watch(watched + static_cast<Int>(start * static_cast<Real>(slots) + 1e-9), share / all * static_cast<Real>(slots),
              out(n + j));
    }
    keep_states();
  }

  // Rate (below 0) at which vmax C / (km + C) + extra exp(-fading t) C leaves the central compartment over one step, t
  // days after the first dose, C its mean over the step with that taken out: C = m - d (vmax C / (km + C) + extra C), m
  // without and d the response to a unit rate: a quadratic equation for m and d over 1 + d extra. v: vmax.
  Wide sink(Wide now, Int k0, Wide v) const {
    const Int plasma = lay.plasma_row[agent], central = lay.central[agent];
    const Wide answer = load_row(drugs.sink[agent], k0 + plasma), gone = load_row(drugs.sink[agent], k0 + central);
    const Wide k = load_row(q.km, agent), more = load_row(q.clearance_extra, agent);
    Wide extra = {};
    if (any(more != 0.0))
      extra = more * exp_small(-load_row(q.clearance_fading, agent) * larger(now - load_row(drugs.first, agent), 0.0));
    const Wide share = 1.0 / (1.0 + answer * extra);
    const Wide m = share * out(plasma), p = k - m + share * answer * v;
    const Wide top = root(p * p + 4.0 * m * k);
    const Wide c = p > 0.0 ? 2.0 * m * k / (p + top) : 0.5 * (top - p);
    return -smaller(v * c / (k + c) + extra * c, out(central) / gone);
  }
};

// Does any patient wait for a dose that the level of a drug decides on?
inline bool rescue_pending(Block& b) {
  bool pending = false;
  for (Int r : b.place.rescues)
    for (int l = 0; l < LANES; ++l) pending |= b.place.rule(r, l).rescue_next >= 0 && b.lane(l).status != DONE;
  return pending;
}

// Is anything of an agent given today, or does an infusion run?
inline bool given_today(const Block& b, Int agent) {
  if (b.drugs.due[agent] || !b.drugs.on_board[agent]) return b.drugs.due[agent] != 0;
  bool runs = false;
  for (Int i = b.lay.agent_form_from[agent]; i < b.lay.agent_form_from[agent + 1]; ++i)
    runs |= b.drugs.running[b.lay.agent_forms[i]] != 0;
  return runs;
}

// Is nothing of an agent left in anybody but what fades on its own?
inline bool fades_only(const Block& b, Int agent) {
  return b.drugs.slow[agent] != 0 && (b.drugs.present[agent] & ~b.drugs.slow[agent]) == 0;
}

// How drugs answer in these patients: of each agent when it first comes on board in any of them.
inline void responses_of_day(Block& b) {
  const bool pending = rescue_pending(b);
  const Mark *on_board = b.drugs.on_board.data(), *due = b.drugs.due.data();
  for (Int agent = 0, agents = b.lay.agents(); agent < agents; ++agent)
    if ((pending || on_board[agent] || due[agent]) && !b.drugs.answered[agent] &&
        ((b.drugs.on_board[agent] && !fades_only(b, agent)) || given_today(b, agent) ||
         (pending && b.lay.rescued[agent] == 1)))
      fill_responses(b, agent);
}

// The level today of an agent of which nothing is on board: that of an earlier day must not decide on a dose.
inline void no_level(Block& b, Int agent) {
  for (Int j = 0; j < b.t.level_agent.size; ++j)
    if (b.t.level_agent[j] == agent) b.drugs.level.clear(j * STEPS, STEPS);
}

// Advance every agent that is on board by a day and leave the means of its bent drivers in `shape`.
inline void kinetics_of_day(Block& b) {
  Drugs& drugs = b.drugs;
  const Layout& lay = b.lay;
  if (std::find(drugs.sharp_on.begin(), drugs.sharp_on.end(), 1) != drugs.sharp_on.end()) {
    std::fill(drugs.sharp_on.begin(), drugs.sharp_on.end(), 0);
    std::fill(drugs.sharp_agent.begin(), drugs.sharp_agent.end(), 0);
    drugs.sharp_lane.fill(0.0);
  }
  const bool pending = rescue_pending(b);
  const Wide today = b.date();
  for (Int agent : drugs.at_hand) drugs.acting[agent] = false;
  drugs.at_hand.clear();
  const Mark *on_board = drugs.on_board.data(), *due = drugs.due.data();
  for (Int agent = 0, agents = lay.agents(); agent < agents; ++agent)
    if (on_board[agent] || due[agent] || pending) drugs.at_hand.push_back(agent);
  for (Int agent : drugs.at_hand) {
    if (pending && lay.rescued[agent] == 1) rescue_doses(b, agent);
    if (drugs.due[agent]) drugs.on_board[agent] = 1;  // while an infusion runs it is
    drugs.acting[agent] = drugs.on_board[agent];
    if (!drugs.on_board[agent]) {
      if (pending) no_level(b, agent);
      continue;
    }
    if (drugs.wanted[agent])
      AgentDay(b, agent, today, pending).play();
    else
      drugs.on_board[agent] = 0;
    if (!std::exchange(drugs.due[agent], 0)) continue;
    for (Int i = lay.agent_form_from[agent]; i < lay.agent_form_from[agent + 1]; ++i) {
      const Int at = lay.agent_forms[i] * STEPS;
      if (!drugs.given(lay.agent_forms[i])) continue;
      drugs.amount.clear(at, STEPS);
      std::fill_n(drugs.used.begin() + at, STEPS, 0);
    }
  }
}

}  // namespace remission
