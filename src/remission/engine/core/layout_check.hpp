// Everything in the tables and the layout that says where something lies, held once against the sizes of the arrays that
// it leads into, before anything is played. What passes leads nowhere outside, whatever the numbers of the patients are;
// the rest is an error (std::invalid_argument, a ValueError in Python) that names the field and what it may be.
//
// Spans of rows (due_from, due_to; first, last; ...) tile their array: each begins where the one before it ended.
#pragma once
#include <bit>
#include <string>

#include "block.hpp"

namespace remission {

constexpr Int MOST_PLAYED_DAYS = 36'600;  // a hundred years
constexpr Int MOST_DAYS = 1'000'000;      // of a wait, a streak, a course
constexpr Int MOST_BINS = 1'440;          // steps of the body in a day, windows of a step of kinetics
constexpr Real MOST_BLOCK_BYTES = 1024.0 * 1024.0 * 1024.0;

class LayoutCheck {
 public:
  LayoutCheck(const Tables& tables, const Layout& layout, const Columns& columns, const Play& days)
      : t(tables), lay(layout), all(columns), play(days), agents(layout.steps.size), forms(tables.forms.size) {}

  void run() {
    if (all.patients < 1 || all.patients % LANES != 0)
      refuse({"person", -1, ""}, "has " + std::to_string(all.patients) + " rows; whole blocks of " + std::to_string(LANES) +
                                     " patients are needed");
    within({"", -1, "treatment_days"}, play.treatment_days, 0, MOST_PLAYED_DAYS);
    within({"", -1, "follow_up_days"}, play.follow_up_days, 0, MOST_PLAYED_DAYS);
    scalars();
    phases();
    conditions();
    orders();
    rules();
    forms_and_slots();
    agents_of_layout();
    forms_of_layout();
    shapes();
    effects_and_acts();
    side_effects();
    memory();
    columns_of_patients();
  }

 private:
  struct Where {
    const char* array;  // "" for a number by itself
    Int row;            // -1 for the array as such
    const char* field;  // "" for an array of numbers
  };

  const Tables& t;
  const Layout& lay;
  const Columns& all;
  const Play& play;
  const Int agents, forms;

  [[noreturn, gnu::cold]] static void refuse(const Where& at, const std::string& wrong) {
    std::string name = at.array;
    if (at.row >= 0) name += "[" + std::to_string(at.row) + "]";
    if (at.field[0]) name += (name.empty() ? "" : ".") + std::string(at.field);
    throw std::invalid_argument(name + " " + wrong);
  }
  static void within(const Where& at, Int x, Int least, Int most) {
    if (x < least || x > most)
      refuse(at, "is " + std::to_string(x) + "; it must lie in " + std::to_string(least) + ".." + std::to_string(most));
  }
  static void index(const Where& at, Int x, Int size) {
    if (x < 0 || x >= size) refuse(at, "is " + std::to_string(x) + "; there are " + std::to_string(size));
  }
  static void index_or_none(const Where& at, Int x, Int size) {
    if (x != -1) index(at, x, size);
  }
  // `rows` rows from `first` on, of `size`.
  static void rows_from(const Where& at, Int first, Int rows, Int size) {
    if (first < 0 || rows > size || first > size - rows)
      refuse(at, "is " + std::to_string(first) + "; " + std::to_string(rows) + " rows from there on lead out of " +
                     std::to_string(size));
  }
  static void real(const Where& at, Real x, Real least, Real most) {
    if (!(least <= x && x <= most))
      refuse(at, "is " + std::to_string(x) + "; it must lie in " + std::to_string(least) + ".." + std::to_string(most));
  }
  static void size(const char* array, Int found, Int wanted) {
    if (found != wanted)
      refuse({array, -1, ""}, "has " + std::to_string(found) + " rows; " + std::to_string(wanted) + " are needed");
  }
  static void same(const Where& at, Int x, Int wanted) {
    if (x != wanted) refuse(at, "is " + std::to_string(x) + "; it must be " + std::to_string(wanted));
  }
  // A span that begins where the one before it ended.
  static void span(const Where& from, Int first, const Where& to, Int last, Int& next, Int size) {
    same(from, first, next);
    within(to, last, first, size);
    next = last;
  }
  // count + 1 numbers from 0 up, so that entry i + 1 lies step(i) above entry i.
  template <class Step>
  static void offsets(const char* array, const View<Int>& from, Int count, Step step) {
    size(array, from.size, count + 1);
    same({array, 0, ""}, from[0], 0);
    for (Int i = 0; i < count; ++i) same({array, i + 1, ""}, from[i + 1], from[i] + step(i));
  }
  // The same with steps that the array itself sets: none falls, the last is the size of what it leads into.
  static void rising(const char* array, const View<Int>& from, Int count, Int total, Int least = 0) {
    size(array, from.size, count + 1);
    same({array, 0, ""}, from[0], 0);
    for (Int i = 0; i < count; ++i) {
      within({array, i + 1, ""}, from[i + 1], from[i], total);
      if (from[i + 1] - from[i] < least) refuse({array, i + 1, ""}, "leaves too few rows");
    }
    same({array, count, ""}, from[count], total);
  }
  static void indices(const char* array, const View<Int>& values, Int limit) {
    for (Int i = 0; i < values.size; ++i) index({array, i, ""}, values[i], limit);
  }
  static void flags(const char* array, const View<Int>& values, Int wanted) {
    size(array, values.size, wanted);
    for (Int i = 0; i < values.size; ++i) within({array, i, ""}, values[i], 0, 1);
  }

  void scalars() {
    if (t.phases.size < 1) refuse({"phases", -1, ""}, "is empty");
    if (agents < 1) refuse({"steps", -1, ""}, "is empty: there are no agents");
    if (lay.clones() < 1) refuse({"clone_purpose", -1, ""}, "is empty: there are no clones");
    within({"", -1, "bins"}, lay.bins, 1, MOST_BINS);
    within({"", -1, "living"}, lay.living, 0, 1);
    index_or_none({"", -1, "on_relapse"}, lay.on_relapse, t.phases.size);
    index_or_none({"", -1, "on_relapse_for"}, lay.on_relapse_for, t.conditions.size);
    index_or_none({"", -1, "t315i"}, lay.t315i, lay.clones());
    index_or_none({"", -1, "without_cd19"}, lay.without_cd19, lay.clones());
    if (lay.power_of_load != 1 && lay.power_of_load != 2 && lay.power_of_load != 4)
      refuse({"", -1, "power_of_load"}, "is " + std::to_string(lay.power_of_load) + "; it must be 1, 2 or 4");
    size("settings", lay.settings.size, Setting_COUNT);
    size("line_kind", lay.line_kind.size, LINES);
    indices("line_kind", lay.line_kind, LineKind_COUNT);
    size("clone_alone", lay.clone_alone.size, lay.clones());
    size("clone_sows", lay.clone_sows.size, lay.clones());
    size("clone_fades", lay.clone_fades.size, lay.clones());
    size("clone_keeps", lay.clone_keeps.size, lay.clones());
    size("clone_anew", lay.clone_anew.size, lay.clones());
    if (lay.clone_kill.size % lay.clones() != 0)
      refuse({"clone_kill", -1, ""}, "is no table of " + std::to_string(lay.clones()) + " clones");
  }

  void phases() {
    Int day = 0, rule = 0, until = 0, due = 0, decide = 0, level = 0;
    for (Int i = 0; i < t.phases.size; ++i) {
      const Phase& x = t.phases[i];
      auto at = [i](const char* field) { return Where{"phases", i, field}; };
      same(at("start"), x.start, day);
      within(at("days"), x.days, 1, t.days.size - day);
      day += x.days;
      if (x.extra != -1) {
        same(at("extra"), x.extra, day);
        index(at("extra"), x.extra, t.days.size);
        ++day;
        within(at("extra_after"), x.extra_after, 1, x.days);
      } else {
        same(at("extra_after"), x.extra_after, -1);
      }
      within(at("extra_longest"), x.extra_longest, 0, MOST_DAYS);
      index_or_none(at("next"), x.next, t.phases.size);
      index_or_none(at("gate"), x.gate, t.conditions.size);
      index_or_none(at("next_for"), x.next_for, t.conditions.size);
      within(at("recheck"), x.recheck, 0, MOST_DAYS);
      within(at("rest"), x.rest, 0, MOST_DAYS);
      within(at("repeats"), x.repeats, 0, 1);
      within(at("spares"), x.spares, 0, 2);
      span(at("rules_from"), x.rules_from, at("rules_to"), x.rules_to, rule, t.phase_rules.size);
      span(at("until_from"), x.until_from, at("until_to"), x.until_to, until, t.untils.size);
    }
    size("days", t.days.size, day);
    size("phase_rules", t.phase_rules.size, rule);
    size("untils", t.untils.size, until);
    for (Int i = 0; i < t.days.size; ++i) {
      const DayOfPhase& x = t.days[i];
      auto at = [i](const char* field) { return Where{"days", i, field}; };
      within(at("visit"), x.visit, 0, 1);
      index_or_none(at("wait"), x.wait, t.conditions.size);
      span(at("due_from"), x.due_from, at("due_to"), x.due_to, due, t.due.size);
      span(at("decide_from"), x.decide_from, at("decide_to"), x.decide_to, decide, t.decides.size);
      span(at("level_from"), x.level_from, at("level_to"), x.level_to, level, t.level_due.size);
    }
    size("due", t.due.size, due);
    size("decides", t.decides.size, decide);
    size("level_due", t.level_due.size, level);
    indices("due", t.due, t.orders.size);
    indices("level_due", t.level_due, agents);
    indices("level_agent", t.level_agent, agents);
    for (Int i = 0; i < t.decides.size; ++i) {
      const Decide& x = t.decides[i];
      auto at = [i](const char* field) { return Where{"decides", i, field}; };
      index(at("condition"), x.condition, t.conditions.size);
      within(at("action"), x.action, 0, 1);
      index(at("target"), x.target, x.action == 0 ? t.phases.size : MOST_DAYS);
      index_or_none(at("entry"), x.entry, t.conditions.size);
    }
    for (Int i = 0; i < t.untils.size; ++i) {
      const Until& x = t.untils[i];
      auto at = [i](const char* field) { return Where{"untils", i, field}; };
      within(at("days"), x.days, 0, MOST_DAYS);
      index_or_none(at("phase"), x.phase, t.phases.size);
      index_or_none(at("condition"), x.condition, t.conditions.size);
    }
  }

  Int variables() const { return LEVELS_FROM + t.level_agent.size + 2 * lay.again.size; }

  // Each condition as its stack sees it: nothing is taken from an empty one, one truth is left.
  void conditions() {
    Int term = 0;
    for (Int i = 0; i < t.conditions.size; ++i) {
      const Span& x = t.conditions[i];
      span({"conditions", i, "first"}, x.first, {"conditions", i, "last"}, x.last, term, t.terms.size);
      Int depth = 0;
      for (Int k = x.first; k < x.last; ++k) {
        const Term& part = t.terms[k];
        index({"terms", k, "code"}, part.code, Operation_COUNT);
        if (part.code < AND) {
          index({"terms", k, "variable"}, part.variable, variables());
          ++depth;
        } else if (part.code != NOT) {
          --depth;
        }
        if (depth < 1 || depth > MAX_DEPTH)
          refuse({"terms", k, "code"}, "leaves " + std::to_string(depth) + " truths on the stack of its condition; 1.." +
                                           std::to_string(MAX_DEPTH) + " are possible");
      }
      if (depth != 1) refuse({"conditions", i, "last"}, "leaves " + std::to_string(depth) + " truths, not one");
    }
    size("terms", t.terms.size, term);
  }

  void orders() {
    for (Int i = 0; i < t.orders.size; ++i) {
      const Order& x = t.orders[i];
      auto at = [i](const char* field) { return Where{"orders", i, field}; };
      index(at("slot"), x.slot, t.slots.size);
      index(at("form"), x.form, forms);
      index(at("basis"), x.basis, Basis_COUNT);
      within(at("times"), x.times, 1, STEPS);
      within(at("from_step"), x.from_step, 0, STEPS - 1 - (x.times - 1) * STEPS / x.times);
      index_or_none(at("condition"), x.condition, t.conditions.size);
      index_or_none(at("age_table"), x.age_table, t.age_rows > 0 ? t.ages.size / t.age_rows : 0);
      index_or_none(at("of_slot"), x.of_slot, t.slots.size);
    }
  }

  void rules() {
    indices("rule_slots", t.rule_slots, t.slots.size);
    indices("phase_rules", t.phase_rules, t.rules.size);
    Int slot = 0, resume = 0;
    for (Int i = 0; i < t.rules.size; ++i) {
      const Rule& x = t.rules[i];
      auto at = [i](const char* field) { return Where{"rules", i, field}; };
      index(at("kind"), x.kind, Kind_COUNT);
      index(at("phase"), x.phase, t.phases.size);
      const bool judged = x.kind != RESCUE && x.kind != MAKE_UP, ends = x.kind == HOLD || x.kind == RESCUE;
      within(at("condition"), x.condition, judged && x.kind != MISS ? 0 : -1, t.conditions.size - 1);
      within(at("until"), x.until, ends ? 0 : -1, t.conditions.size - 1);
      within(at("order"), x.order, x.kind == RESCUE ? 0 : -1, t.orders.size - 1);
      for (auto [name, number] : {std::pair{"days", x.days}, {"visits", x.visits}, {"from_step", x.from_step},
                                  {"at_least", x.at_least}})
        within(at(name), number, 0, MOST_DAYS);
      within(at("every_step"), x.every_step, x.kind == RESCUE ? 1 : 0, MOST_DAYS);
      within(at("in_turn"), x.in_turn, 0, 1);
      span(at("slots_from"), x.slots_from, at("slots_to"), x.slots_to, slot, t.rule_slots.size);
      span(at("resume_from"), x.resume_from, at("resume_to"), x.resume_to, resume, t.resume.size);
      if (x.kind == HOLD && x.resume_to == x.resume_from) refuse(at("resume_to"), "leaves a hold without its resuming");
    }
    size("rule_slots", t.rule_slots.size, slot);
    size("resume", t.resume.size, resume);
  }

  void forms_and_slots() {
    for (Int i = 0; i < t.slots.size; ++i) {
      const Slot& x = t.slots[i];
      index({"slots", i, "phase"}, x.phase, t.phases.size);
      index({"slots", i, "agent"}, x.agent, agents);
      within({"slots", i, "watched"}, x.watched, 0, 1);
      within({"slots", i, "made_up"}, x.made_up, 0, 1);
      within({"slots", i, "home"}, x.home, 0, 1);
      if (x.made_up == 1 && t.phases[x.phase].extra < 0)
        refuse({"slots", i, "made_up"}, "asks for extra days in a phase that has none");
    }
    for (Int i = 0; i < forms; ++i) {
      const Form& x = t.forms[i];
      auto at = [i](const char* field) { return Where{"forms", i, field}; };
      index(at("agent"), x.agent, agents);
      within(at("by_size"), x.by_size, 0, 1);
      if (x.next != -1) {
        within(at("next"), x.next, i + 1, forms - 1);  // never in a circle
        same(at("next"), t.forms[x.next].agent, x.agent);
      }
      const Real step = 1.0 / static_cast<Real>(steps_of(x.agent));
      real(at("tau"), x.tau, 0.0, static_cast<Real>(MOST_DAYS));
      if (x.rest_days != 0.0) real(at("rest_days"), x.rest_days, 1e-6 * step, (1.0 + 1e-9) * step);
      real(at("lag"), x.lag, 0.0, step);
      real(at("week_sd"), x.week_sd, 0.0, 3.0);
    }
  }

  Int steps_of(Int agent) const {
    const Int steps = lay.steps[agent];
    within({"steps", agent, ""}, steps, 1, STEPS);
    if (STEPS % steps != 0)
      refuse({"steps", agent, ""}, "is " + std::to_string(steps) + "; it must divide " + std::to_string(STEPS));
    return steps;
  }

  // What an agent's rows, states and passes are counted by.
  Int of(const View<Int>& from, Int agent) const { return from[agent + 1] - from[agent]; }
  Int states(Int agent) const { return of(lay.state_from, agent); }
  Int rows(Int agent) const { return of(lay.row_from, agent); }
  Int kinds(Int agent) const { return of(lay.kind_from, agent); }
  Int panels(Int agent) const { return of(lay.panel_from, agent); }
  Int slots_of_day() const { return lay.bins * SLOTS_PER_BIN; }

  void agents_of_layout() {
    for (auto [name, values] :
         {std::pair{"linear_outputs", &lay.linear_outputs}, {"windows", &lay.windows}, {"fine_windows", &lay.fine_windows},
          {"micro_plain", &lay.micro_plain}, {"micro_calm", &lay.micro_calm}, {"plain_rows", &lay.plain_rows}, {"central", &lay.central}, {"plasma_row", &lay.plasma_row},
          {"plasma_panels", &lay.plasma_panels}, {"level_row", &lay.level_row}, {"against_row", &lay.against_row},
          {"against_panels", &lay.against_panels}, {"level_purpose", &lay.level_purpose}})
      size(name, values->size, agents);
    flags("saturable", lay.saturable, agents);
    flags("rescued", lay.rescued, agents);
    size("calm", lay.calm.size, agents);
    rising("state_from", lay.state_from, agents, rows_of(all.state_scale), 1);
    rising("a_from", lay.a_from, agents, rows_of(all.a));
    rising("g_from", lay.g_from, agents, rows_of(all.g));
    rising("product_from", lay.product_from, agents, rows_of(all.product_loss));
    rising("kind_from", lay.kind_from, agents, lay.unit.size, 1);
    rising("micro_from", lay.micro_from, agents, lay.micro_kind.size, 1);
    size("micro_share", lay.micro_share.size, lay.micro_kind.size);
    size("micro_start", lay.micro_start.size, lay.micro_kind.size);
    for (auto [name, from, values] :
         {std::tuple{"means_from", &lay.means_from, &lay.means}, {"nodes_from", &lay.nodes_from, &lay.nodes},
          {"fine_means_from", &lay.fine_means_from, &lay.fine_means},
          {"fine_nodes_from", &lay.fine_nodes_from, &lay.fine_nodes},
          {"step_means_from", &lay.step_means_from, &lay.step_means},
          {"step_nodes_from", &lay.step_nodes_from, &lay.step_nodes}, {"bent_from", &lay.bent_from, &lay.bent},
          {"sharp_from", &lay.sharp_from, &lay.sharp}})
      rising(name, *from, agents, values->size);
    rising("level_times_from", lay.level_times_from, agents, lay.level_times.size);
    rising("panel_from", lay.panel_from, agents, lay.panel_window.size);
    size("panel_share", lay.panel_share.size, lay.panel_window.size);
    size("panel_times", lay.panel_times.size, 2 * lay.panel_window.size);
    size("entry_from", lay.entry_from.size, agents + 1);
    same({"entry_from", 0, ""}, lay.entry_from[0], 0);
    rising("segment_from", lay.segment_from, agents, lay.segments.size, 1);
    rising("output_from", lay.output_from, agents, lay.watched.size);
    size("watch_source", lay.watch_source.size, lay.watched.size);
    size("row_from", lay.row_from.size, agents + 1);
    same({"row_from", 0, ""}, lay.row_from[0], 0);
    Int watched = 0;
    for (Int x : lay.watched) watched += x >= 0;
    for (Int agent = 0; agent < agents; ++agent) one_agent(agent, watched * slots_of_day());
    offsets("weight_from", lay.weight_from, agents, [&](Int i) { return kinds(i) * of(lay.entry_from, i); });
    offsets("sink_from", lay.sink_from, agents, [&](Int i) { return kinds(i) * rows(i); });
    const Int products = lay.product_from[agents];
    size("product_row", lay.product_row.size, products + 1);
    same({"product_row", 0, ""}, lay.product_row[0], 0);
    for (Int agent = 0; agent < agents; ++agent)
      for (Int i = lay.product_from[agent]; i < lay.product_from[agent + 1]; ++i)
        same({"product_row", i + 1, ""}, lay.product_row[i + 1], lay.product_row[i] + kinds(agent));
  }

  void one_agent(Int agent, Int watch_rows) {
    auto at = [agent](const char* array) { return Where{array, agent, ""}; };
    auto each = [&](const char* array, const View<Int>& from, const View<Int>& values, Int limit) {
      for (Int i = from[agent]; i < from[agent + 1]; ++i) index({array, i, ""}, values[i], limit);
    };
    const Int steps = steps_of(agent), n = states(agent), lin = lay.linear_outputs[agent];
    const Int windows = lay.windows[agent], fine = lay.fine_windows[agent], products = of(lay.product_from, agent);
    const bool bends = lay.saturable[agent] == 1;
    const Real length = 1.0 / static_cast<Real>(steps), longest = (1.0 + 1e-9) * length;
    within({"state_from", agent + 1, ""}, n, 1, 62);
    within(at("linear_outputs"), lin, 1, of(lay.g_from, agent));
    if (of(lay.a_from, agent) % n != 0 || of(lay.a_from, agent) / n != n)
      refuse({"a_from", agent + 1, ""}, "leaves no square matrix of " + std::to_string(n) + " states");
    if (of(lay.g_from, agent) % n != 0 || of(lay.g_from, agent) / n != lin)
      refuse({"g_from", agent + 1, ""}, "leaves no " + std::to_string(lin) + " outputs of " + std::to_string(n) + " states");
    same({"output_from", agent + 1, ""}, lay.output_from[agent + 1], lay.output_from[agent] + lin + products);
    within(at("windows"), windows, 1, MOST_BINS);
    within(at("fine_windows"), fine, 1, MOST_BINS);
    within(at("central"), lay.central[agent], 0, n - 1);
    for (Int i = lay.kind_from[agent]; i < lay.kind_from[agent + 1]; ++i)
      real({"unit", i, ""}, lay.unit[i], 1e-9, longest);
    within(at("micro_plain"), lay.micro_plain[agent], lay.micro_from[agent], lay.micro_from[agent + 1] - 1);
    within(at("micro_calm"), lay.micro_calm[agent], lay.micro_plain[agent] + 1, lay.micro_from[agent + 1]);
    real(at("calm"), lay.calm[agent], 0.0, 1.0);
    for (Int i = lay.micro_from[agent]; i < lay.micro_from[agent + 1]; ++i) {
      index({"micro_kind", i, ""}, lay.micro_kind[i], kinds(agent));
      real({"micro_share", i, ""}, lay.micro_share[i], 1e-9, 1.0 + 1e-9);
      real({"micro_start", i, ""}, lay.micro_start[i], 0.0, std::min(1.0 - 1e-6, 1.0 + 1e-9 - lay.micro_share[i]));
    }
    each("means", lay.means_from, lay.means, lin);
    each("nodes", lay.nodes_from, lay.nodes, lin);
    each("fine_means", lay.fine_means_from, lay.fine_means, lin);
    each("fine_nodes", lay.fine_nodes_from, lay.fine_nodes, lin);
    each("step_means", lay.step_means_from, lay.step_means, lin);
    each("step_nodes", lay.step_nodes_from, lay.step_nodes, lin);
    each("bent", lay.bent_from, lay.bent, lin);
    each("sharp", lay.sharp_from, lay.sharp, lin);
    const Int levels = of(lay.level_times_from, agent);
    within({"level_times_from", agent + 1, ""}, levels, 0, STEPS / steps - 1);
    for (Int i = lay.level_times_from[agent]; i < lay.level_times_from[agent + 1]; ++i)
      real({"level_times", i, ""}, lay.level_times[i], 0.0, longest);
    for (Int i = lay.panel_from[agent]; i < lay.panel_from[agent + 1]; ++i) {
      index({"panel_window", i, ""}, lay.panel_window[i], windows);
      real({"panel_share", i, ""}, lay.panel_share[i], 0.0, 1.0 + 1e-9);
      for (Int k = 2 * i; k < 2 * i + 2; ++k) real({"panel_times", k, ""}, lay.panel_times[k], 0.0, longest);
    }
    // rows of a step: states, means and nodes on both grids and of the step, levels, nodes of panels, means of sharp panels (kinetics.hpp)
    const Int all_rows = n + windows * (of(lay.means_from, agent) + 2 * of(lay.nodes_from, agent)) +
                         fine * (of(lay.fine_means_from, agent) + 2 * of(lay.fine_nodes_from, agent)) +
                         of(lay.step_means_from, agent) + 2 * of(lay.step_nodes_from, agent) + levels +
                         2 * panels(agent) * of(lay.bent_from, agent) + PANELS * of(lay.sharp_from, agent);
    const Int most = static_cast<Int>(MOST_BLOCK_BYTES) / (LANES * static_cast<Int>(sizeof(Real)));
    if (all_rows > most || kinds(agent) > most / all_rows) refuse(at("windows"), "makes a step of too many rows");
    same({"row_from", agent + 1, ""}, lay.row_from[agent + 1], lay.row_from[agent] + all_rows);
    if (bends && (windows != 1 || fine != 1 || panels(agent) != 0 || all_rows < n + lin))
      refuse(at("saturable"), "is 1 for an agent with more than one window, with panels, or without its means");
    same(at("plain_rows"), lay.plain_rows[agent],
         all_rows - levels - 2 * panels(agent) * of(lay.bent_from, agent) - PANELS * of(lay.sharp_from, agent));
    Int row = 0, entry = 0;  // segments tile the rows
    for (Int i = lay.segment_from[agent]; i < lay.segment_from[agent + 1]; ++i) {
      const Segment& s = lay.segments[i];
      within({"segments", i, "group"}, s.group, 0, 3);
      same({"segments", i, "row"}, s.row, row);
      within({"segments", i, "rows"}, s.rows, 1, all_rows - row);
      within({"segments", i, "states"}, s.states, 0, (Int{1} << n) - 1);
      same({"segments", i, "entry"}, s.entry, entry);
      row += s.rows;
      entry += s.rows * std::popcount(static_cast<std::uint64_t>(s.states));
    }
    same({"segment_from", agent + 1, ""}, row, all_rows);
    same({"entry_from", agent + 1, ""}, lay.entry_from[agent + 1], lay.entry_from[agent] + entry);
    // rows that are asked for by name: -1 where nothing asks
    auto asked = [&](const char* array, const View<Int>& row, Int number, bool needed) {
      if (needed || row[agent] != -1) rows_from(at(array), row[agent], number, all_rows);
    };
    asked("plasma_row", lay.plasma_row, bends ? 1 : 2 * windows, bends || products > 0);
    asked("plasma_panels", lay.plasma_panels, 2 * panels(agent), products > 0 && panels(agent) > 0);
    asked("level_row", lay.level_row, levels, levels > 0);
    const bool against = lay.against_row[agent] >= 0;
    asked("against_row", lay.against_row, 2 * fine, against);
    asked("against_panels", lay.against_panels, 2 * panels(agent), against && panels(agent) > 0);
    if (against && steps * fine > slots_of_day())
      refuse(at("fine_windows"), "makes more windows than the day has slots for what an antagonist takes away");
    for (Int i = 0; i < lin + products; ++i) {
      const Int j = lay.output_from[agent] + i;
      if (lay.watched[j] == -1) continue;
      rows_from({"watched", j, ""}, lay.watched[j], slots_of_day(), watch_rows);
      if (!bends && i < lin) rows_from({"watch_source", j, ""}, lay.watch_source[j], fine, all_rows);
    }
  }

  void forms_of_layout() {
    rising("agent_form_from", lay.agent_form_from, agents, lay.agent_forms.size);
    size("agent_forms", lay.agent_forms.size, forms);
    for (Int agent = 0; agent < agents; ++agent) {
      Int before = -1;
      for (Int i = lay.agent_form_from[agent]; i < lay.agent_form_from[agent + 1]; ++i) {
        within({"agent_forms", i, ""}, lay.agent_forms[i], before + 1, forms - 1);
        before = lay.agent_forms[i];
        if (t.forms[before].agent != agent) refuse({"agent_forms", i, ""}, "is a form of another agent");
      }
    }
    size("form_entry", lay.form_entry.size, forms);
    for (Int i = 0; i < forms; ++i) index({"form_entry", i, ""}, lay.form_entry[i], states(t.forms[i].agent));
    offsets("form_row_from", lay.form_row_from, forms,
            [&](Int i) { return kinds(t.forms[i].agent) * rows(t.forms[i].agent); });
  }

  void shapes() {
    rising("shape_from", lay.shape_from, agents, lay.shapes.size);
    const Int slots = slots_of_day();
    Int member = 0, row = 0, sharp = 0, answer = 0;
    for (Int agent = 0; agent < agents; ++agent)
      for (Int i = lay.shape_from[agent]; i < lay.shape_from[agent + 1]; ++i) {
        const Shape& s = lay.shapes[i];
        auto at = [i](const char* field) { return Where{"shapes", i, field}; };
        const bool bends = lay.saturable[agent] == 1;
        same(at("agent"), s.agent, agent);
        index(at("output"), s.output, of(lay.output_from, agent));
        index(at("function"), s.function, Function_COUNT);
        index(at("made_of"), s.made_of, MadeOf_COUNT);
        index_or_none(at("antagonist"), s.antagonist, agents);
        index(at("effect"), s.effect, lay.members.size);
        within(at("needs"), s.needs, 0, 1);
        span(at("first"), s.first, at("last"), s.last, member, lay.members.size);
        if (s.parts != 1 && s.parts != slots / 2 && s.parts != slots)
          refuse(at("parts"), "is neither 1 nor the number of slots of a day nor half of it");
        same(at("row"), s.row, row);
        row += s.antagonist >= 0 ? 2 * slots : s.parts;
        if (s.antagonist >= 0) {
          same(at("parts"), s.parts, slots);
          same(at("answer"), s.answer, answer);
          answer += 2 * slots;
        }
        if (s.sharp != -1) {
          same(at("sharp"), s.sharp, sharp);
          sharp += PANELS * slots;
          if (s.parts != slots || s.antagonist >= 0 || s.made_of == NODES || s.needs == 1)
            refuse(at("sharp"), "is for means of two hours that nothing answers and that need no T cells");
        }
        if (s.made_of == PRODUCT) continue;
        index(at("output"), s.output, lay.linear_outputs[agent]);  // a product has a shape of its own
        const bool nodes = s.made_of == NODES && s.antagonist < 0;  // on the grid of the windows
        const Int tiles = s.parts == slots && !nodes ? lay.fine_windows[agent] : lay.windows[agent];
        const Int wanted = bends ? 1 : s.made_of == NODES ? 2 * tiles : s.parts > 1 ? tiles : s.function == LINEAR ? 1 : 2;
        rows_from(at("source"), s.source, wanted, rows(agent));
        if (bends) continue;
        if (s.sharp != -1) rows_from(at("panels"), s.panels, PANELS, rows(agent));
        if (s.made_of == NODES && panels(agent) > 0) rows_from(at("panels"), s.panels, 2 * panels(agent), rows(agent));
      }
    size("members", lay.members.size, member);
  }

  void effects_and_acts() {
    const Int effects = lay.members.size;
    indices("members", lay.members, effects);
    size("effect_target", lay.effect_target.size, effects);
    indices("effect_target", lay.effect_target, HAZARDS + 3 * lay.again.size);
    size("effect_pool", lay.effect_pool.size, effects);
    indices("effect_pool", lay.effect_pool, lay.pools());
    size("shape_of", lay.shape_of.size, effects);
    indices("shape_of", lay.shape_of, lay.shapes.size);
    indices("releasing", lay.releasing, effects);
    for (Int g = 0; g < lay.shapes.size; ++g)  // what acts bin by bin needs more than the day's mean
      for (Int m = lay.shapes[g].first; m < lay.shapes[g].last && lay.shapes[g].parts == 1; ++m) {
        const Int target = lay.effect_target[lay.members[m]];
        if (target <= BLASTS || target == CNS || target == ON_STEM_CELLS || target == ON_B_CELLS)
          refuse({"shapes", g, "parts"}, "is 1 for an effect that acts bin by bin");
      }
    for (Int i : lay.releasing)
      if (lay.shapes[lay.shape_of[i]].parts == 1) refuse({"shapes", lay.shape_of[i], "parts"}, "is 1 for an effect that sets cytokine free");
    for (Int i = 0; i < lay.acts.size; ++i) {
      const Act& x = lay.acts[i];
      index({"acts", i, "form"}, x.form, forms);
      index({"acts", i, "kind"}, x.kind, ActKind_COUNT);
      index({"acts", i, "agent"}, x.agent, agents);
      index({"acts", i, "pool"}, x.pool, lay.pools());
    }
  }

  void side_effects() {
    const Int number = lay.again.size;
    within({"", -1, "side_effects"}, lay.side_effects, 0, number);
    flags("again", lay.again, number);
    size("side_purpose", lay.side_purpose.size, 2 * number);
    size("grades", lay.grades.size, 2 * 5 * number);
    flags("inactivates", lay.inactivates, number * agents);
    rising("cause_from", lay.cause_from, number, lay.causes.size);
    for (Int i = 0; i < lay.causes.size; ++i) index({"causes", i, "of"}, lay.causes[i].of, CauseOf_COUNT);
  }

  // A block must not take more memory than any program has a use for.
  void memory() {
    const Real bins = static_cast<Real>(lay.bins), slots = bins * SLOTS_PER_BIN, number = static_cast<Real>(agents);
    Real shape_rows = 0.0, watched = 0.0, answers = 0.0;
    for (Int agent = 0; agent < agents; ++agent) {  // what the responses of an agent are computed in
      const Real n = static_cast<Real>(states(agent)), entries = static_cast<Real>(of(lay.agent_form_from, agent) + 1);
      const Real windows = static_cast<Real>(lay.windows[agent] + lay.fine_windows[agent] + 2);
      answers = std::max(answers, (n + 2.0 * entries) * static_cast<Real>(rows(agent)) + windows * entries * n + 9.0 * n * n);
    }
    for (const Shape& s : lay.shapes) shape_rows += 4.0 * slots + (s.sharp >= 0 ? PANELS * slots : 0.0);
    for (Int x : lay.watched) watched += x >= 0 ? slots : 0.0;
    const Real all_rows =
        answers + shape_rows + watched + number * slots + static_cast<Real>(t.level_agent.size + forms) * STEPS +
        static_cast<Real>(lay.row_from[agents]) + static_cast<Real>(lay.weight_from[agents]) +
        2.0 * static_cast<Real>(lay.form_row_from[forms]) + static_cast<Real>(lay.sink_from[agents]) +
        bins * (12.0 + 2.0 * static_cast<Real>(lay.pools()));
    const Real bytes = all_rows * LANES * sizeof(Real);
    if (bytes > MOST_BLOCK_BYTES)
      refuse({"row_from", -1, ""}, "and the rows beside it make a block of " + std::to_string(bytes / MOST_BLOCK_BYTES) +
                                       " GiB; at most 1 is taken");
  }

  Int rows_of(const View<Real>& column) const { return column.size / all.patients; }

  void columns_of_patients() {
    const Int n = all.patients, effects = lay.members.size, clones = lay.clones();
    size("immune", all.immune.size, n);
    auto rows = [&](const std::string& name, const View<Real>& column, Int wanted) {
      if (column.size % n != 0 || column.size / n != wanted)
        refuse({("lanes." + name).c_str(), -1, ""}, "has " + std::to_string(column.size) + " numbers; " + std::to_string(wanted) +
                                   " rows of " + std::to_string(n) + " patients are needed");
    };
    for (auto [name, column] :
         {std::pair{"effect_b", &all.effect_b}, {"effect_c", &all.effect_c}, {"effect_d", &all.effect_d},
          {"effect_e", &all.effect_e}, {"effect_size", &all.effect_size}, {"effect_rest", &all.effect_rest},
          {"effect_relapse", &all.effect_relapse},
          {"antagonist_half", &all.antagonist_half}, {"released", &all.released}})
      rows(name, *column, effects);
    for (auto [name, column] : {std::pair{"vmax", &all.vmax}, {"km", &all.km}, {"clearance_extra", &all.clearance_extra},
                                {"clearance_fading", &all.clearance_fading}})
      rows(name, *column, agents);
    for (auto [name, column] :
         {std::pair{"line_base", &all.line_base}, {"line_transit", &all.line_transit}, {"line_gain", &all.line_gain},
          {"line_loss", &all.line_loss}, {"line_feedback", &all.line_feedback}, {"line_growth", &all.line_growth},
          {"presenting", &all.presenting}})
      rows(name, *column, LINES);
    for (auto [name, column] :
         {std::pair{"production", &all.production}, {"rho", &all.rho}, {"omega", &all.omega}, {"capacity", &all.capacity},
          {"cns_cells", &all.cns_cells}, {"cns_birth", &all.cns_birth}, {"death", &all.death}, {"wake", &all.wake}, {"normal", &all.normal},
          {"antigen", &all.antigen}, {"seeding", &all.seeding}, {"rests_again", &all.rests_again}})
      rows(name, *column, 1);
    for (auto [name, column] :
         {std::pair{"birth", &all.birth}, {"to_rest", &all.to_rest}, {"faster_again", &all.faster_again}, {"mutation", &all.mutation}, {"felt", &all.felt}})
      rows(name, *column, clones);
    for (auto [name, column] :
         {std::pair{"product_formation", &all.product_formation}, {"product_half", &all.product_half},
          {"product_loss", &all.product_loss}})
      rows(name, *column, lay.product_from[agents]);
    rows("cells", all.cells, 2 * clones);
    rows("a", all.a, lay.a_from[agents]);
    rows("g", all.g, lay.g_from[agents]);
    rows("state_scale", all.state_scale, lay.state_from[agents]);
    rows("bioavailability", all.bioavailability, forms);
    rows("seen", all.seen, variables());
    rows("acts", all.acts, lay.acts.size * ACT_NUMBERS);
    rows("side", all.side, lay.again.size * SIDE_NUMBERS);
    rows("size", all.size, 2 * SIZES);
    // numbers of people that become whole days
    for (Int i = 0; i < n; ++i) real({"person", i, "in_remission"}, all.person[i].in_remission, 0.0, 1.0);
    for (Int i = 0; i < n; ++i) index({"person", i, "first_phase"}, all.person[i].first_phase, t.phases.size);
    for (Int k = 0; k < lay.again.size; ++k)
      for (Int i = 0; i < n; ++i)
        real({"lanes.side", k * SIDE_NUMBERS + COURSE, "course"}, all.side[(k * SIDE_NUMBERS + COURSE) * n + i], 0.0, MOST_DAYS);
    for (Int k = 0; k < lay.acts.size; ++k)
      for (Int i = 0; i < n; ++i)
        real({"lanes.acts", k * ACT_NUMBERS + C_DAYS, "days"}, all.acts[(k * ACT_NUMBERS + C_DAYS) * n + i], 0.0, MOST_DAYS);
  }
};

}  // namespace remission
