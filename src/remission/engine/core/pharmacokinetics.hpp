// Kinetics of a day: doses in, exact steps for each agent on board, and what its effects are made of out.
#pragma once
#include "dosing.hpp"
#include "effects.hpp"

namespace remission {

constexpr Real GONE = 1e-10;  // of what a typical dose makes: less counts as nothing

inline std::vector<int> ints(const View<Int>& all, const View<Int>& from, Int agent) {
  return std::vector<int>(all.data + from[agent], all.data + from[agent + 1]);
}
inline std::vector<Real> reals(const View<Real>& all, Int first, Int last) {
  return std::vector<Real>(all.data + first, all.data + last);
}

// The step matrices and dose responses of every agent, and the weights of the blood lines, for the patients of the block.
inline void fill_responses(Block& b) {
  const Layout& lay = b.lay;
  const Tables& t = b.t;
  const Lanes& q = b.q;
  Drugs& drugs = b.drugs;
  const Real slot = 1.0 / static_cast<Real>(lay.slots());
  std::vector<Real> sharp_edges;
  for (int end : SHARP) sharp_edges.push_back(end * slot / SHARP_END);
  for (Int agent = 0; agent < lay.agents(); ++agent) {
    const int n = static_cast<int>(lay.state_from[agent + 1] - lay.state_from[agent]);
    const Int lin = lay.linear_outputs[agent], rows = lay.row_from[agent + 1] - lay.row_from[agent];
    Matrices a(n);
    std::copy_n(q.a.row(lay.a_from[agent]), n * n * LANES, a.v.data());
    std::vector<Rows> g(lin, Rows(n));
    for (Int j = 0; j < lin; ++j) copy_rows(g[j], 0, q.g, lay.g_from[agent] + j * n, n);
    const Int f0 = lay.agent_form_from[agent], forms = lay.agent_form_from[agent + 1] - f0;
    const bool sink = lay.saturable[agent] == 1;
    std::vector<Entry> entries;
    for (Int i = 0; i < forms; ++i) {
      const Int f = lay.agent_forms[f0 + i];
      Entry e{static_cast<int>(lay.form_entry[f]), 0.0, false};
      if (t.forms[f].lag > 0.0) {
        e.tau = t.forms[f].lag;
        e.delayed = true;
      } else if (!sink) {
        e.tau = t.forms[f].rest_days;
      }
      entries.push_back(e);
    }
    if (sink) entries.push_back({static_cast<int>(lay.central[agent]), 0.0, false});
    Asked asked;
    asked.windows = lay.windows[agent];
    asked.means = ints(lay.means, lay.means_from, agent);
    asked.nodes = ints(lay.nodes, lay.nodes_from, agent);
    asked.fine_windows = lay.fine_windows[agent];
    asked.fine_means = ints(lay.fine_means, lay.fine_means_from, agent);
    asked.fine_nodes = ints(lay.fine_nodes, lay.fine_nodes_from, agent);
    asked.level_times = reals(lay.level_times, lay.level_times_from[agent], lay.level_times_from[agent + 1]);
    asked.bent = ints(lay.bent, lay.bent_from, agent);
    asked.fresh_times = reals(lay.panel_times, 2 * lay.panel_from[agent], 2 * lay.panel_from[agent + 1]);
    asked.sharp = ints(lay.sharp, lay.sharp_from, agent);
    asked.sharp_edges = sharp_edges;
    Responses answers(a, g, rows, lay.fastest[agent], entries);
    const Int p0 = lay.pass_from[agent], p1 = lay.pass_from[agent + 1];
    for (Int kind = 0; kind < lay.kind_from[agent + 1] - lay.kind_from[agent]; ++kind) {
      answers.fill(lay.unit[lay.kind_from[agent] + kind], asked);
      const Int w0 = 4 * (lay.weight_from[agent] + kind * (p1 - p0));
      for (Int i = p0; i < p1; ++i)
        for (Int k = 0; k < 4; ++k)
          if (lay.pass_used[4 * i + k] == 1)
            copy_rows(drugs.weight, w0 + 4 * (i - p0) + k, answers.free[lay.pass_column[4 * i + k]], lay.pass_row[i], 1);
      for (Int i = 0; i < forms; ++i) {
        const Int at = lay.form_row_from[lay.agent_forms[f0 + i]] + kind * rows;
        copy_rows(drugs.part, at, answers.part[i], 0, rows);
        copy_rows(drugs.full, at, answers.rate[i], 0, rows);
      }
      if (sink) copy_rows(drugs.sink, lay.sink_from[agent] + kind * rows, answers.rate[forms], 0, rows);
    }
  }
  for (int line = 0; line < LINES; ++line) {
    Real* out = drugs.line_weight.row(line * WEIGHT_ROWS);
    const Int kind = lay.line_kind[line];
    if (kind == POWER || kind == SATURATING)
      line_weights(q.line_transit.row(line), q.line_gain.row(line), q.line_loss.row(line), slot, out);
    else if (kind == LIFE_SPAN)
      life_span_weights(q.line_transit.row(line), q.line_loss.row(line), LINE_SLOTS * slot, out);
  }
}

// Doses of the day of an agent that is given by level: judged on the plasma at the hour of each dose.
inline void rescue_doses(Block& b, Int agent, Int today) {
  for (Int r = 0; r < b.t.rules.size; ++r) {
    const Rule& rule = b.t.rules[r];
    if (rule.kind != RESCUE) continue;
    const Order& o = b.t.orders[rule.order];
    if (b.t.forms[o.form].agent != agent) continue;
    for (int l = 0; l < LANES; ++l) {
      RuleState& state = b.place.rule(r, l);
      if (state.rescue_next < 0 || b.lane(l).status == DONE) continue;
      for (Int k = 0; k < STEPS; ++k) {
        if (state.rescue_next < 0 || today * STEPS + k < state.rescue_next) continue;
        for (Int j = 0; j < b.t.level_agent.size; ++j)
          b.place.seen(LEVELS_FROM + j, l) = b.drugs.level(j * STEPS + k, l);
        if (state.rescue_given >= rule.at_least && b.holds(rule.until, l)) {
          state.rescue_next = -1;
          continue;
        }
        Real dose = o.amount;
        if (o.basis == PER_M2)
          dose *= b.person(l).bsa_m2;
        else if (o.basis == PER_KG)
          dose *= b.person(l).weight_kg;
        dose = std::min(dose, o.cap);
        const Real planned = dose;
        Reason reason = R_RESCUE;
        if (b.place.slot(o.slot, l).stopped == 1) {
          dose = 0.0;
          reason = R_STOPPED;
        } else if (b.place.slot(o.slot, l).held_by >= 0) {
          dose = 0.0;
          reason = R_HELD;
        }
        b.drugs.amount(o.form * STEPS + k, l) += dose * b.q.bioavailability(o.form, l);
        b.drugs.used[o.form * STEPS + k] = 1;
        state.rescue_given += 1;
        state.rescue_next += rule.every_step;
        if (b.play.keep_doses)
          note_run(b, o.slot, l, today,
                   {dose, planned, dose > 0.0 ? 1.0 : 0.0, reason, b.t.forms[o.form].tau, 1});
      }
    }
  }
}

// One agent through one day.
class AgentDay {
 public:
  AgentDay(Block& block, Int number, Int day, bool levels_wanted)
      : b(block), lay(block.lay), q(block.q), drugs(block.drugs), agent(number), today(day), pending(levels_wanted),
        s0(lay.state_from[number]), n(lay.state_from[number + 1] - s0), z0(lay.product_from[number]),
        products(lay.product_from[number + 1] - z0), r0(lay.row_from[number]),
        rows(lay.row_from[number + 1] - r0), f0(lay.agent_form_from[number]), f1(lay.agent_form_from[number + 1]),
        steps(lay.steps[number]), slots(lay.slots()) {}

  void play() {
    clear();
    Int leveled = -1;
    for (Int j = 0; j < b.t.level_agent.size; ++j)
      if (b.t.level_agent[j] == agent) leveled = j;
    const bool wanted = leveled >= 0 && pending;
    for (Int number = 0; number < steps; ++number) {
      const Int slot = number * (STEPS / steps);
      if (wanted) concentration(drugs.level.row(leveled * STEPS + slot));
      doses(slot, static_cast<Real>(today) + static_cast<Real>(slot) / STEPS);
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
      if (!drugs.running[f]) continue;
      drugs.running[f] = 0;
      for (int l = 0; l < LANES; ++l)
        if (drugs.left(f, l) > 0.0) drugs.running[f] = 1;
    }
    wash_out();
  }

 private:
  Block& b;
  const Layout& lay;
  const Lanes& q;
  Drugs& drugs;
  const Int agent, today;
  const bool pending;
  const Int s0, n, z0, products, r0, rows, f0, f1, steps, slots;
  int count = 0;       // patients whose concentrations change now
  bool given = false;  // any dose now

  Int slots_of(const Shape& s) const { return s.fine == 1 ? slots : slots / 2; }
  bool is_sharp(Int slot) const { return drugs.sharp_agent[agent * slots + slot] != 0; }

  // Empty the agent's rows of the day.
  void clear() {
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      drugs.shape.clear(s.row, s.antagonist >= 0 ? 2 * slots : slots_of(s));
    }
    if (lay.against_row[agent] >= 0)
      for (const Shape& s : lay.shapes)
        if (s.antagonist == agent) drugs.against.clear(s.answer, 2 * slots);
    for (Int j = lay.output_from[agent]; j < lay.output_from[agent + 1]; ++j)
      if (lay.watched[j] >= 0) drugs.watch.clear(lay.watched[j], slots);
  }

  // Plasma concentration now: the first output's row of g times the states.
  void concentration(Real* out) const {
    for (int l = 0; l < LANES; ++l) {
      Real total = 0.0;
      for (Int j = 0; j < n; ++j) total += q.g(lay.g_from[agent] + j, l) * drugs.x(s0 + j, l);
      out[l] = total;
    }
  }

  // Doses of this hour (`now`, in days): boluses into the states, delayed ones and infusions into what the step's inputs
  // are. Marks the patients whose concentrations change now: a dose, or an infusion that runs or has just stopped.
  void doses(Int slot, Real now) {
    char* was = drugs.was_running.data() + agent * LANES;
    for (int l = 0; l < LANES; ++l) {
      drugs.fresh[l] = was[l] != 0;
      was[l] = 0;
      drugs.dosed[l] = false;
    }
    given = false;
    for (Int i = f0; i < f1; ++i) {
      const Int f = lay.agent_forms[i];
      const Form& form = b.t.forms[f];
      if (drugs.used[f * STEPS + slot]) {
        given = true;
        for (int l = 0; l < LANES; ++l) {
          const Real dose = drugs.amount(f * STEPS + slot, l);
          if (!(dose > 0.0)) continue;
          drugs.dosed[l] = drugs.fresh[l] = true;
          if (drugs.first(agent, l) < 0.0) drugs.first(agent, l) = now;
          if (form.tau > 0.0) {
            Int free = f;  // the first copy in which no infusion runs in this patient
            while (drugs.left(free, l) > 0.0 && b.t.forms[free].next >= 0) free = b.t.forms[free].next;
            drugs.left(free, l) = form.tau;
            drugs.rate(free, l) = dose / form.tau;
            drugs.running[free] = 1;
          } else if (form.lag > 0.0) {
            drugs.late(f, l) = dose;
            drugs.wait(f, l) = form.lag;
            drugs.delaying[f] = 1;
          } else {
            drugs.x(s0 + lay.form_entry[f], l) += dose;
            drugs.x_any[s0 + lay.form_entry[f]] = 1;
          }
        }
      }
      if (drugs.running[f])
        for (int l = 0; l < LANES; ++l)
          if (drugs.left(f, l) > 0.0) {
            drugs.fresh[l] = true;
            was[l] = 1;
          }
    }
    count = 0;
    for (int l = 0; l < LANES; ++l) {
      count += drugs.fresh[l];
      drugs.weigh_fresh[l] = drugs.fresh[l] ? 1.0 : 0.0;
      drugs.weigh_plain[l] = drugs.fresh[l] ? 0.0 : 1.0;
    }
  }

  // out rows of a step: up to four products of weights and states a pass; w: first row of their weights. States that
  // nobody has anything of are left out, and rows that are made of nothing else are zero.
  void step(Int first, Int last, Int w) {
    for (Int i = first; i < last; ++i, w += 4) {
      const Int row = lay.pass_row[i];
      Real* __restrict o = drugs.out.row(r0 + row);
      if (lay.pass_first[i]) {
        drugs.row_any[r0 + row] = 0;
        std::fill_n(o, LANES, 0.0);
      }
      const Int* column = lay.pass_column.data + 4 * i;
      const Real* m[4];
      const Real* x[4];
      int used = 0;
      for (int k = 0; k < 4; ++k)
        if (lay.pass_used[4 * i + k] == 1 && drugs.x_any[s0 + column[k]]) {
          m[used] = drugs.weight.row(w + k);
          x[used++] = drugs.x.row(s0 + column[k]);
        }
      if (used == 0) continue;
      drugs.row_any[r0 + row] = 1;
      // one product after the other: what is left out then changes nothing, to the last bit
      switch (used) {
        case 1:
          for (int l = 0; l < LANES; ++l) o[l] += m[0][l] * x[0][l];
          break;
        case 2:
          for (int l = 0; l < LANES; ++l) {
            const Real sum = o[l] + m[0][l] * x[0][l];
            o[l] = sum + m[1][l] * x[1][l];
          }
          break;
        case 3:
          for (int l = 0; l < LANES; ++l) {
            Real sum = o[l] + m[0][l] * x[0][l];
            sum = sum + m[1][l] * x[1][l];
            o[l] = sum + m[2][l] * x[2][l];
          }
          break;
        default:
          for (int l = 0; l < LANES; ++l) {
            Real sum = o[l] + m[0][l] * x[0][l];
            sum = sum + m[1][l] * x[1][l];
            sum = sum + m[2][l] * x[2][l];
            o[l] = sum + m[3][l] * x[3][l];
          }
      }
    }
  }

  // The states at the end of a step become those at the start of the next.
  void keep_states() {
    copy_rows(drugs.x, s0, drugs.out, r0, n);
    for (Int j = 0; j < n; ++j) drugs.x_any[s0 + j] = drugs.row_any[r0 + j];
  }

  // Is there nothing in `number` rows of the step?
  bool nothing(Int first, Int number) const {
    for (Int i = first; i < first + number; ++i)
      if (drugs.row_any[i]) return false;
    return true;
  }

  // Add an input to all rows of the step: amount times its unit response.
  void add(const Rows& unit, Int unit0, const Real* __restrict amount) {
    for (Int r = 0; r < rows; ++r) {
      drugs.row_any[r0 + r] = 1;
      Real* __restrict o = drugs.out.row(r0 + r);
      const Real* __restrict u = unit.row(unit0 + r);
      for (int l = 0; l < LANES; ++l) o[l] += u[l] * amount[l];
    }
  }

  // What infusions and delayed doses put into a step of `length` days.
  void inputs(Int kind, Real length) {
    for (Int i = f0; i < f1; ++i) {
      const Int f = lay.agent_forms[i], at = lay.form_row_from[f] + kind * rows;
      const bool bends = lay.saturable[agent] == 1;
      if (drugs.delaying[f] && !bends) {
        for (int l = 0; l < LANES; ++l) {
          drugs.now_part[l] = drugs.late(f, l);
          drugs.late(f, l) = 0.0;
        }
        drugs.delaying[f] = 0;
        add(drugs.part, at, drugs.now_part);
      }
      if (!drugs.running[f]) continue;
      if (bends) {  // what ends within a step is spread over it
        for (int l = 0; l < LANES; ++l) {
          Real& left = drugs.left(f, l);
          drugs.now_rate[l] = drugs.rate(f, l) * std::min(left, length) / length;
          left = left > length + 1e-9 ? left - length : 0.0;
        }
      } else {  // whole steps, then the rest with its own response
        const Real rest = b.t.forms[f].rest_days;
        for (int l = 0; l < LANES; ++l) {
          Real& left = drugs.left(f, l);
          const bool full = left > length - 1e-9;
          drugs.now_rate[l] = full ? drugs.rate(f, l) : 0.0;
          drugs.now_part[l] = left > 0.0 && !full ? drugs.rate(f, l) * rest : 0.0;
          left = left > length + 1e-9 ? left - length : 0.0;
        }
        if (rest > 0.0) add(drugs.part, at, drugs.now_part);
      }
      add(drugs.full, at, drugs.now_rate);
    }
  }

  // What has washed out of a patient is set to zero, state by state and patient by patient, so that the block does not
  // matter: a compartment that keeps an effect for months must not keep plasma on the clock. Nothing is taken from a
  // patient in whom an infusion runs.
  void wash_out() {
    bool left = false;
    for (Int j = s0; j < s0 + n; ++j) {
      if (!drugs.x_any[j]) continue;
      Real* __restrict x = drugs.x.row(j);
      const Real* scale = q.state_scale.row(j);
      Real most = 0.0;
      for (int l = 0; l < LANES; ++l) {
        x[l] = std::fabs(x[l]) > GONE * scale[l] || drugs.was_running[agent * LANES + l] ? x[l] : 0.0;
        most = larger(most, std::fabs(x[l]));
      }
      drugs.x_any[j] = most > 0.0;
      left |= most > 0.0;
    }
    for (Int i = z0; i < z0 + products; ++i)
      for (int l = 0; l < LANES; ++l) {
        if (!(drugs.z(i, l) > GONE * drugs.plateau(i, l)) && !drugs.was_running[agent * LANES + l]) drugs.z(i, l) = 0.0;
        left |= drugs.z(i, l) > 0.0;
      }
    for (int l = 0; l < LANES; ++l) {
      left |= drugs.was_running[agent * LANES + l] != 0;
      for (Int i = f0; i < f1; ++i) left |= drugs.left(lay.agent_forms[i], l) > 0.0;
    }
    drugs.on_board[agent] = left;  // today's outputs stay until the effects of the day are known
  }

  void scaled(const Real* __restrict x, Real factor) {
    for (int l = 0; l < LANES; ++l) drugs.weighing[l] = x[l] * factor;
  }

  void bend_rows(const Shape& s, Int u, Int v, Real* out) {
    bend(s.function, drugs.out.row(u), drugs.out.row(v), q, s.effect, q.effect_b.row(s.effect), drugs.weighing, out);
  }

  // The means of both halves of a window, from the straight line through both nodes.
  void bend_halves(const Shape& s, Int u, Int v, Real* out) {
    alignas(64) Real early[LANES] = {}, late[LANES] = {};
    const Real *half = q.effect_b.row(s.effect), *x = drugs.out.row(u), *y = drugs.out.row(v);
    bend(s.function, x, x, q, s.effect, half, drugs.weigh_plain, early);
    bend(s.function, y, y, q, s.effect, half, drugs.weigh_plain, late);
    constexpr Real more = 0.25 / (GAUSS[1] - GAUSS[0]);
    const Wide mean = 0.5 * (load(early) + load(late)), change = more * (load(late) - load(early));
    store(out, load(out) + larger(mean - change, 0.0));
    store(out + LANES, load(out + LANES) + larger(mean + change, 0.0));
  }

  void watch(Int at, Real share, const Real* __restrict x) {
    Real* __restrict o = drugs.watch.row(at);
    for (int l = 0; l < LANES; ++l) o[l] += share * drugs.weigh_kept[l] * x[l];
  }

  // Add the mean of C / (half + C) at two Gauss nodes over a `share` of a window; its first moment about the middle, from
  // where the nodes stand: early, late, in windows.
  void take_up(Int first, Int product, const Real* __restrict weigh, Real share, Real early, Real late) {
    const Real *u = drugs.out.row(first), *v = drugs.out.row(first + 1), *half = q.product_half.row(product);
    for (int l = 0; l < LANES; ++l) {
      const Real w = 0.5 * share * weigh[l];
      const Real f = w * u[l] / (half[l] + u[l]), g = w * v[l] / (half[l] + v[l]);
      drugs.uptake[l] += f + g;
      drugs.moment[l] += early * f + late * g;
    }
  }

  // Advance a product, dz/dt = formation C/(half+C) - loss z, over one window with the window's mean uptake and its
  // moment; row d of decay and shift belongs to the window's length. What is taken up late in the window adds less to the
  // mean of z, and more to its end: to first and second order in loss t.
  void form_product(Int i, Int d) {
    Real* __restrict z = drugs.z.row(i);
    const Real *plateau = drugs.plateau.row(i), *decay = drugs.decay.row(d), *shift = drugs.shift.row(d);
    for (int l = 0; l < LANES; ++l) {
      const Real steady = plateau[l] * drugs.uptake[l];
      const Real gap = z[l] - steady;
      const Real lost = (1.0 - decay[l]) / shift[l];
      const Real later = plateau[l] * lost * drugs.moment[l];
      drugs.z_mean[l] = steady + gap * shift[l] - later;
      z[l] = steady + gap * decay[l] + lost * later;
    }
  }

  // Shapes of a saturable product from `start` on for `length` (of a day), judged at its mean.
  void product_effects(Int product, Real start, Real length) {
    const Int output = lay.linear_outputs[agent] + product;
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      if (s.made_of != PRODUCT || s.output != output) continue;
      const Real number = static_cast<Real>(slots_of(s));
      const Int at = static_cast<Int>(start * number + 1e-9);
      scaled(drugs.weigh_kept, std::min(1.0, length * number));
      const Int each = s.antagonist >= 0 ? 2 : 1;
      for (Int k = 0; k < each * std::max<Int>(1, static_cast<Int>(length * number + 1e-9)); ++k)
        bend(s.function, drugs.z_mean, drugs.z_mean, q, s.effect, q.effect_b.row(s.effect), drugs.weighing,
             drugs.shape.row(s.row + each * at + k));
      if (s.sharp >= 0) {
        const Real by = static_cast<Real>(slots);
        const Int slot = static_cast<Int>(start * by + 1e-9);
        if (is_sharp(slot)) sharp_product(s, slot, start * by - static_cast<Real>(slot), length * by);
      }
    }
    const Int watched = lay.watched[lay.output_from[agent] + output];
    if (watched >= 0) {
      const Real number = static_cast<Real>(slots);
      for (Int k = 0; k < std::max<Int>(1, static_cast<Int>(length * number + 1e-9)); ++k)
        watch(watched + static_cast<Int>(start * number + 1e-9) + k, std::min(1.0, length * number), drugs.z_mean);
    }
  }

  // Add a micro-step to the means of the panels it lies in; start and length in slots.
  void sharp_product(const Shape& s, Int slot, Real start, Real length) {
    for (int p = 0; p < PANELS; ++p) {
      const Real from = SHARP[p] / SHARP_END, to = SHARP[p + 1] / SHARP_END;
      const Real shared = std::min(to, start + length) - std::max(from, start);
      if (shared <= 1e-9) continue;
      scaled(drugs.weigh_kept, shared / (to - from));
      bend(s.function, drugs.z_mean, drugs.z_mean, q, s.effect, q.effect_b.row(s.effect), drugs.weighing,
           drugs.sharp.row(s.sharp + slot * PANELS + p));
    }
  }

  // Note for a slot who was given a sharp dose.
  void mark_sharp(Int slot) {
    drugs.sharp_on[slot] = 1;
    drugs.sharp_agent[agent * slots + slot] = 1;
    for (int l = 0; l < LANES; ++l) {
      drugs.sharp_given(agent * slots + slot, l) = drugs.dosed[l] ? 1.0 : 0.0;
      if (drugs.dosed[l]) drugs.sharp_lane(slot, l) = 1.0;
    }
  }

  // A shape, or what takes away from it, at both nodes of window w of `width` days: two rows of out, since one must be
  // multiplied by the other. After a dose (rows from `panel` on, else -1) two rows stand for all panels of the window,
  // with their mean and their first moment. source: row of the plain nodes, or -1.
  void both(Int w, Real width, Int function, Int source, Int panel, Int e, const Real* half, Real* out) {
    if (source >= 0 && !nothing(source, 2))
      for (Int k = 0; k < 2; ++k)
        bend(function, drugs.out.row(source + k), drugs.out.row(source + k), q, e, half, drugs.weigh_plain,
             out + k * LANES);
    if (panel < 0) return;
    for (Int p = lay.panel_from[agent]; p < lay.panel_from[agent + 1]; ++p) {
      const Real early = lay.panel_times[2 * p], late = lay.panel_times[2 * p + 1];
      if (static_cast<Int>(0.5 * (early + late) / width) != w) continue;
      const Real share = (late - early) / ((GAUSS[1] - GAUSS[0]) * width);
      for (Int m = 0; m < 2; ++m) {
        const Real x = lay.panel_times[2 * p + m] / width - static_cast<Real>(w);
        const Real* value = drugs.out.row(panel + 2 * (p - lay.panel_from[agent]) + m);
        for (Int k = 0; k < 2; ++k) {
          scaled(drugs.weigh_fresh, share * (GAUSS[1 - k] - x) / (GAUSS[1 - k] - GAUSS[k]));
          bend(function, value, value, q, e, half, drugs.weighing, out + k * LANES);
        }
      }
    }
  }

  // One step of an agent whose elimination is linear.
  void linear_step(Int number, bool leveled) {
    const Int p0 = lay.pass_from[agent], p1 = lay.pass_from[agent + 1];
    const Int plain = lay.plain_from[agent], level = lay.level_from[agent], fresh = lay.fresh_from[agent];
    const Int panels = lay.panel_from[agent + 1] - lay.panel_from[agent], windows = lay.windows[agent];
    const bool some = panels > 0 && count > 0, rest = !(panels > 0 && count == LANES);
    const bool sharp = given && lay.sharp_from[agent + 1] > lay.sharp_from[agent];
    const Int weights = 4 * (lay.weight_from[agent] - p0);
    step(p0, plain, weights + 4 * p0);
    if (rest) step(plain, level, weights + 4 * plain);
    if (leveled) step(level, fresh, weights + 4 * level);
    if (some || sharp) step(fresh, p1, weights + 4 * fresh);
    inputs(lay.micro_kind[lay.micro_from[agent]], 1.0 / static_cast<Real>(steps));
    keep_states();
    const Real length = 1.0 / static_cast<Real>(steps * windows);  // of a window, in days
    std::fill_n(drugs.weigh_kept, LANES, 1.0);
    if (!some) std::fill_n(drugs.weigh_plain, LANES, 1.0);
    for (Int i = z0; i < z0 + products; ++i)
      for (Int w = 0; w < windows; ++w) {
        std::fill_n(drugs.uptake, LANES, 0.0);
        std::fill_n(drugs.moment, LANES, 0.0);
        if (rest)
          take_up(r0 + lay.plasma_row[agent] + 2 * w, i, drugs.weigh_plain, 1.0, GAUSS[0] - 0.5, GAUSS[1] - 0.5);
        if (some)
          for (Int k = 0; k < panels; ++k) {
            const Int p = lay.panel_from[agent] + k;
            if (lay.panel_window[p] != w) continue;
            take_up(r0 + lay.plasma_panels[agent] + 2 * k, i, drugs.weigh_fresh, lay.panel_share[p],
                    lay.panel_times[2 * p] / length - static_cast<Real>(w) - 0.5,
                    lay.panel_times[2 * p + 1] / length - static_cast<Real>(w) - 0.5);
          }
        form_product(i, lay.product_row[i]);
        product_effects(i - z0, static_cast<Real>(number * windows + w) * length, length);
      }
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      if (s.made_of == PRODUCT) continue;
      const Int source = r0 + s.source, two = s.made_of == MEAN ? 0 : 1;
      const Int tiles = s.fine == 1 && (two == 0 || s.antagonist >= 0) ? lay.fine_windows[agent] : windows;
      const Real share = static_cast<Real>(slots_of(s)) / static_cast<Real>(steps * tiles);
      for (Int w = 0; w < tiles; ++w) {
        const Int at = static_cast<Int>(static_cast<Real>(number * tiles + w) * share + 1e-9);
        if (two == 1 && s.antagonist >= 0) {
          both(w, length * static_cast<Real>(windows) / static_cast<Real>(tiles), s.function,
               rest ? source + 2 * w : -1, some ? r0 + s.panels : -1, s.effect, q.effect_b.row(s.effect),
               drugs.shape.row(s.row + 2 * at));
          continue;
        }
        if ((rest || two == 0) && !nothing(source + (two + 1) * w, 1 + two)) {
          const Int value = source + (two + 1) * w;
          if (two == 1 && share == 2.0) {  // a window of two slots
            bend_halves(s, value, value + 1, drugs.shape.row(s.row + at));
          } else {
            scaled(two == 1 ? drugs.weigh_plain : drugs.ones, share);
            bend_rows(s, value, value + two, drugs.shape.row(s.row + at));
          }
        }
        if (some && two == 1)
          for (Int k = 0; k < panels; ++k) {
            const Int p = lay.panel_from[agent] + k;
            if (lay.panel_window[p] != w) continue;
            const Int half = share == 2.0 && lay.panel_times[2 * p] / length - static_cast<Real>(w) > 0.5 ? 1 : 0;
            scaled(drugs.weigh_fresh, share * lay.panel_share[p]);
            const Int value = r0 + s.panels + 2 * k;
            bend_rows(s, value, value + 1, drugs.shape.row(s.row + at + half));
          }
      }
      if (sharp && s.sharp >= 0) {  // the means of the panels of the slot that starts now
        const Int slot = number * slots / steps;
        mark_sharp(slot);
        copy_rows(drugs.sharp, s.sharp + slot * PANELS, drugs.out, r0 + s.panels, PANELS);
      }
    }
    if (lay.against_row[agent] >= 0) {
      const Int tiles = lay.fine_windows[agent];
      for (const Shape& s : lay.shapes)
        if (s.antagonist == agent)
          for (Int w = 0; w < tiles; ++w)
            both(w, length * static_cast<Real>(windows) / static_cast<Real>(tiles), EMAX,
                 rest ? r0 + lay.against_row[agent] + 2 * w : -1, some ? r0 + lay.against_panels[agent] : -1, s.effect,
                 q.antagonist_half.row(s.effect), drugs.against.row(s.answer + 2 * (number * tiles + w)));
    }
    const Int tiles = lay.fine_windows[agent];
    const Real share = static_cast<Real>(slots) / static_cast<Real>(steps * tiles);
    for (Int j = lay.output_from[agent]; j < lay.output_from[agent] + lay.linear_outputs[agent]; ++j)
      if (lay.watched[j] >= 0)
        for (Int w = 0; w < tiles; ++w)
          watch(lay.watched[j] + static_cast<Int>(static_cast<Real>(number * tiles + w) * share + 1e-9), share,
                drugs.out.row(r0 + lay.watch_source[j] + w));
  }

  // Two hours of an agent whose elimination saturates or changes: patients whose concentrations change now on a finer
  // mesh than the others, each on its own only.
  void saturable_step(Int number) {
    const Int first = lay.micro_from[agent], plain = lay.micro_plain[agent], last = lay.micro_from[agent + 1];
    const bool mixed = 0 < count && count < LANES;
    std::fill_n(drugs.weigh_kept, LANES, 1.0);
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      if (s.sharp < 0) continue;
      for (Int slot = number * slots / steps; slot < (number + 1) * slots / steps; ++slot) {
        if (slot > 0 && is_sharp(slot - 1)) {  // until the evening
          for (int l = 0; l < LANES; ++l)
            drugs.dosed[l] = drugs.dosed[l] || drugs.sharp_given(agent * slots + slot - 1, l) > 0.0;
          given = true;
        }
        if (given) {
          mark_sharp(slot);
          drugs.sharp.clear(s.sharp + slot * PANELS, PANELS);
        }
      }
    }
    if (mixed) {
      copy_rows(drugs.saved, 0, drugs.x, s0, n);
      copy_rows(drugs.saved, n, drugs.z, z0, products);
      for (Int i = f0; i < f1; ++i) copy_rows(drugs.saved_left, i - f0, drugs.left, lay.agent_forms[i], 1);
      std::copy_n(drugs.weigh_plain, LANES, drugs.weigh_kept);
    }
    for (int mesh = 0; mesh < 2; ++mesh) {
      if ((mesh == 0 && count == LANES) || (mesh == 1 && count == 0)) continue;
      if (mesh == 1 && mixed) {
        copy_rows(drugs.other, 0, drugs.x, s0, n);
        copy_rows(drugs.other, n, drugs.z, z0, products);
        copy_rows(drugs.x, s0, drugs.saved, 0, n);
        copy_rows(drugs.z, z0, drugs.saved, n, products);
        for (Int i = f0; i < f1; ++i) copy_rows(drugs.left, lay.agent_forms[i], drugs.saved_left, i - f0, 1);
        std::copy_n(drugs.weigh_fresh, LANES, drugs.weigh_kept);
      }
      for (Int m = mesh == 0 ? plain : first; m < (mesh == 0 ? last : plain); ++m) {
        if (mesh == 1) arrivals(lay.micro_share[m] / static_cast<Real>(steps));
        micro_step(number, m);
      }
      if (mesh == 1) arrivals(std::numeric_limits<Real>::infinity());
    }
    if (mixed)
      for (int l = 0; l < LANES; ++l)
        if (!drugs.fresh[l]) {
          for (Int j = 0; j < n; ++j) drugs.x(s0 + j, l) = drugs.other(j, l);
          for (Int j = 0; j < products; ++j) drugs.z(z0 + j, l) = drugs.other(n + j, l);
        }
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
        drugs.x_any[s0 + lay.form_entry[f]] = 1;
        drugs.late(f, l) = later;
        drugs.wait(f, l) = 0.0;
      }
      if (std::isinf(length)) drugs.delaying[f] = 0;
    }
  }

  void micro_step(Int number, Int m) {
    const Int p0 = lay.pass_from[agent], p1 = lay.pass_from[agent + 1], kind = lay.micro_kind[m];
    const Real share = lay.micro_share[m], all = static_cast<Real>(steps);
    step(p0, p1, 4 * (lay.weight_from[agent] + kind * (p1 - p0)));
    inputs(kind, share / all);
    const Real start = (static_cast<Real>(number) + lay.micro_start[m]) / all;
    const Int k0 = lay.sink_from[agent] + kind * rows;
    sink(static_cast<Real>(today) + start + 0.5 * share / all, k0);
    add(drugs.sink, k0, drugs.now_rate);
    for (Int i = z0; i < z0 + products; ++i) {
      std::fill_n(drugs.uptake, LANES, 0.0);
      std::fill_n(drugs.moment, LANES, 0.0);
      const Real* plasma = drugs.out.row(r0 + lay.plasma_row[agent]);
      bend(EMAX, plasma, plasma, q, i, q.product_half.row(i), drugs.ones, drugs.uptake);
      form_product(i, lay.product_row[i] + kind);
      product_effects(i - z0, start, share / all);
    }
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
      const Shape& s = lay.shapes[g];
      if (s.made_of == PRODUCT) continue;
      const Real number_of = static_cast<Real>(slots_of(s));
      scaled(drugs.weigh_kept, share / all * number_of);
      bend_rows(s, r0 + s.source, r0 + s.source, drugs.shape.row(s.row + static_cast<Int>(start * number_of + 1e-9)));
    }
    for (Int j = 0; j < lay.linear_outputs[agent]; ++j) {
      const Int watched = lay.watched[lay.output_from[agent] + j];
      if (watched >= 0)
        watch(watched + static_cast<Int>(start * static_cast<Real>(slots) + 1e-9),
              share / all * static_cast<Real>(slots), drugs.out.row(r0 + n + j));
    }
    keep_states();
  }

  // Rate at which vmax C / (km + C) + extra exp(-fading t) C leaves the central compartment over one step, t days after
  // the first dose, C its mean over the step with that taken out: C = m - d (vmax C / (km + C) + extra C), m without and d
  // the response to a unit rate: a quadratic equation for m and d over 1 + d extra.
  void sink(Real now, Int k0) {
    const Int plasma = lay.plasma_row[agent], central = lay.central[agent];
    const Real *before = drugs.out.row(r0 + plasma), *vmax = q.vmax.row(agent), *km = q.km.row(agent);
    const Real *answer = drugs.sink.row(k0 + plasma), *inside = drugs.out.row(r0 + central);
    const Real* gone = drugs.sink.row(k0 + central);
    const Real *more = q.clearance_extra.row(agent), *fading = q.clearance_fading.row(agent);
    const Real* first = drugs.first.row(agent);
    for (int l = 0; l < LANES; ++l) {
      const Real extra = more[l] * exp_small(-fading[l] * larger(0.0, now - first[l]));
      const Real share = 1.0 / (1.0 + answer[l] * extra);
      const Real m = share * before[l], v = vmax[l], k = km[l];
      const Real p = k - m + share * answer[l] * v;
      const Real root = std::sqrt(p * p + 4.0 * m * k);
      const Real c = p > 0.0 ? 2.0 * m * k / (p + root) : 0.5 * (root - p);
      drugs.now_rate[l] = -smaller(v * c / (k + c) + extra * c, inside[l] / gone[l]);
    }
  }
};

// Advance every agent that is on board by a day and leave the means of its bent drivers in `shape`.
inline void kinetics_of_day(Block& b, Int today) {
  Drugs& drugs = b.drugs;
  const Layout& lay = b.lay;
  std::fill(drugs.sharp_on.begin(), drugs.sharp_on.end(), 0);
  std::fill(drugs.sharp_agent.begin(), drugs.sharp_agent.end(), 0);
  drugs.sharp_lane.fill(0.0);
  bool pending = false;
  for (Int r = 0; r < b.t.rules.size; ++r)
    if (b.t.rules[r].kind == RESCUE)
      for (int l = 0; l < LANES; ++l) pending |= b.place.rule(r, l).rescue_next >= 0;
  for (Int agent = 0; agent < lay.agents(); ++agent) {
    if (lay.rescued[agent] == 1) rescue_doses(b, agent, today);
    bool given = false;
    for (Int i = lay.agent_form_from[agent]; i < lay.agent_form_from[agent + 1]; ++i) {
      const Int f = lay.agent_forms[i];
      given |= drugs.running[f] != 0;
      for (Int k = 0; k < STEPS; ++k) given |= drugs.used[f * STEPS + k] != 0;
    }
    if (given) drugs.on_board[agent] = 1;
    drugs.acting[agent] = drugs.on_board[agent];
    if (!drugs.on_board[agent]) continue;
    AgentDay(b, agent, today, pending).play();
    for (Int i = lay.agent_form_from[agent]; i < lay.agent_form_from[agent + 1]; ++i)
      for (Int k = 0; k < STEPS; ++k) {
        const Int at = lay.agent_forms[i] * STEPS + k;
        if (!drugs.used[at]) continue;
        drugs.used[at] = 0;
        drugs.amount.clear(at, 1);
      }
  }
}

}  // namespace remission
