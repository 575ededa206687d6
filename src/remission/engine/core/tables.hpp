// The records that Python fills and the core reads: each field is named once, here; Python takes its types from here.
#pragma once
#include "rows.hpp"

namespace remission {

struct FieldName {
  const char* name;
  bool real;  // or a whole number
};

#define REMISSION_INT(n) Int n;
#define REMISSION_REAL(n) Real n;
#define REMISSION_INT_NAME(n) FieldName{#n, false},
#define REMISSION_REAL_NAME(n) FieldName{#n, true},
#define REMISSION_RECORD(Name, FIELDS)                                                     \
  struct Name {                                                                            \
    FIELDS(REMISSION_INT, REMISSION_REAL)                                                  \
    static constexpr FieldName names[] = {FIELDS(REMISSION_INT_NAME, REMISSION_REAL_NAME)}; \
    static constexpr const char* type = #Name;                                             \
  };

#define PHASE_FIELDS(I, R)                                                                                        \
  I(days) I(next) I(gate) I(recheck) I(rest) I(start) I(repeats) I(spares) I(rules_from) I(rules_to) I(until_from) I(until_to) \
  I(key) I(next_for) I(extra) I(extra_after) I(extra_longest)
#define DAY_FIELDS(I, R) I(checks) I(visit) I(wait) I(due_from) I(due_to) I(decide_from) I(decide_to) \
  I(level_from) I(level_to)
#define DECIDE_FIELDS(I, R) I(condition) I(action) I(target) I(entry)
#define UNTIL_FIELDS(I, R) I(days) I(phase) I(condition)
#define SPAN_FIELDS(I, R) I(first) I(last)
#define TERM_FIELDS(I, R) I(code) I(variable) R(value)
#define ORDER_FIELDS(I, R)                                                                                         \
  I(slot) I(form) I(basis) I(times) I(from_step) I(condition) I(age_table) I(of_slot) R(amount) R(cap) R(share) R(step) R(start_share)
#define AGE_FIELDS(I, R) R(from_age) R(dose)
#define SLOT_FIELDS(I, R) I(phase) I(agent) I(route) I(watched) I(made_up) I(key) I(home)
#define RULE_FIELDS(I, R)                                                                                        \
  I(kind) I(phase) I(condition) I(until) I(days) I(visits) I(in_turn) I(slots_from) I(slots_to) I(resume_from)   \
  I(resume_to) I(order) I(from_step) I(every_step) I(at_least) R(value) R(low) R(high)
#define FORM_FIELDS(I, R) \
  I(agent) I(route) I(next) I(by_size) R(rest_days) R(tau) R(loss) R(half_dose) R(lag) R(week_sd)
#define SHAPE_FIELDS(I, R)                                                                                         \
  I(agent) I(output) I(function) I(made_of) I(antagonist) I(effect) I(first) I(last) I(row) I(parts) I(sharp)       \
  I(source) I(panels) I(answer) I(needs)
#define SEGMENT_FIELDS(I, R) I(group) I(row) I(rows) I(states) I(entry)
#define ACT_FIELDS(I, R) I(form) I(kind) I(agent) I(pool)
#define CAUSE_FIELDS(I, R) I(of) R(hazard) R(below)
#define PERSON_FIELDS(I, R)                                                                                    \
  I(patient) I(real) I(first_phase) R(age_y) R(weight_kg) R(bsa_m2) R(capacity) R(blood_ratio) R(frailty) R(omega) R(wake)    \
  R(bacteraemia) R(lethality) R(lethality_first) R(lethality_grafted) R(dies_on) R(death) R(relapsed) R(in_remission) R(colds) R(missed)
#define IMMUNE_FIELDS(I, R)                                                                                          \
  R(t_half) R(b_baseline) R(b_turnover) R(b_body) R(b_share) R(igg_baseline) R(igg_rate) R(plasma_rate)              \
  R(plasma_independent) R(cytokine_baseline) R(release) R(release_half) R(clearance) R(priming) R(priming_half)      \
  R(recovery) R(crs_1) R(crs_2) R(crs_3) R(crs_4) R(crs_fatal) R(brain_rate) R(brain_person) R(brain_1) R(brain_2)   \
  R(brain_3) R(brain_4) R(least_marrow)

REMISSION_RECORD(Phase, PHASE_FIELDS)
REMISSION_RECORD(DayOfPhase, DAY_FIELDS)
REMISSION_RECORD(Decide, DECIDE_FIELDS)
REMISSION_RECORD(Until, UNTIL_FIELDS)
REMISSION_RECORD(Span, SPAN_FIELDS)
REMISSION_RECORD(Term, TERM_FIELDS)
REMISSION_RECORD(Order, ORDER_FIELDS)
REMISSION_RECORD(Age, AGE_FIELDS)
REMISSION_RECORD(Slot, SLOT_FIELDS)
REMISSION_RECORD(Rule, RULE_FIELDS)
REMISSION_RECORD(Form, FORM_FIELDS)
REMISSION_RECORD(Shape, SHAPE_FIELDS)
REMISSION_RECORD(Segment, SEGMENT_FIELDS)
REMISSION_RECORD(Act, ACT_FIELDS)
REMISSION_RECORD(Cause, CAUSE_FIELDS)
REMISSION_RECORD(Person, PERSON_FIELDS)
REMISSION_RECORD(ImmuneNumbers, IMMUNE_FIELDS)

// A protocol as arrays. Conditions, phases, orders, slots are numbered by their place; -1 stands for none.
#define TABLES_FIELDS(T)                                                                                              \
  T(Phase, phases) T(DayOfPhase, days) T(Int, due) T(Decide, decides) T(Until, untils) T(Span, conditions)            \
  T(Term, terms) T(Order, orders) T(Age, ages) T(Slot, slots) T(Rule, rules) T(Int, rule_slots) T(Real, resume)       \
  T(Int, phase_rules) T(Form, forms) T(Int, level_agent) T(Int, level_due)

// How agents, outputs and effects of a program lie in the arrays of a block (see layout.py for what each means).
#define LAYOUT_FIELDS(T)                                                                                              \
  T(Int, state_from) T(Int, a_from) T(Int, g_from) T(Int, output_from) T(Int, linear_outputs) T(Int, steps)           \
  T(Int, windows) T(Int, fine_windows) T(Int, micro_from) T(Int, micro_plain) T(Int, micro_calm)     \
  T(Real, calm) T(Int, micro_kind)                                                                                     \
  T(Real, micro_share) T(Real, micro_start) T(Int, kind_from) T(Real, unit) T(Int, weight_from) T(Int, means_from)    \
  T(Int, means) T(Int, nodes_from) T(Int, nodes) T(Int, fine_means_from) T(Int, fine_means) T(Int, fine_nodes_from)   \
  T(Int, fine_nodes) T(Int, step_means_from) T(Int, step_means) T(Int, step_nodes_from) T(Int, step_nodes)           \
  T(Int, level_times_from) T(Real, level_times) T(Int, level_row) T(Int, panel_from)               \
  T(Real, panel_share) T(Int, panel_window) T(Real, panel_times) T(Int, bent_from) T(Int, bent) T(Int, sharp_from)    \
  T(Int, sharp) T(Int, plain_rows) T(Int, central) T(Int, plasma_row)           \
  T(Int, plasma_panels) T(Int, product_from) T(Int, product_row) T(Int, saturable) T(Int, sink_from) T(Int, row_from) \
  T(Int, entry_from) T(Int, segment_from) T(Segment, segments) T(Int, rescued)                                        \
  T(Int, against_row) T(Int, against_panels) T(Int, watched) T(Int, watch_source) T(Int, form_entry)                  \
  T(Int, form_row_from) T(Int, agent_form_from) T(Int, agent_forms) T(Int, effect_target) T(Int, effect_pool)         \
  T(Int, releasing) T(Act, acts) T(Int, level_purpose) T(Int, side_purpose) T(Real, grades) T(Int, again) T(Cause, causes)                  \
  T(Int, cause_from) T(Int, inactivates) T(Int, shape_from) T(Shape, shapes) T(Int, members) T(Int, shape_of)         \
  T(Real, clone_kill) T(Int, clone_purpose) T(Int, clone_alone) T(Int, clone_fades) T(Real, clone_keeps) T(Real, clone_anew) T(Real, clone_sows) T(Int, line_kind) T(Real, settings)
#define LAYOUT_NUMBERS(N) N(bins) N(living) N(side_effects) N(on_relapse) N(on_relapse_for) N(looks) N(t315i) N(without_cd19) N(power_of_load)

// The numbers of people and drugs: rows of (rows, patients).
#define LANES_FIELDS(T)                                                                                              \
  T(a) T(g) T(state_scale) T(bioavailability) T(product_formation) T(product_half) T(product_loss) T(vmax) T(km)     \
  T(clearance_extra) T(clearance_fading) T(effect_b) T(effect_c) T(effect_d) T(effect_e) T(effect_size)              \
  T(effect_rest) T(effect_relapse) T(antagonist_half) T(seen) T(line_base) T(line_transit) T(line_gain) T(line_loss) T(line_feedback)  \
  T(line_growth) T(production) T(rho) T(omega) T(presenting) T(capacity) T(cells) T(cns_cells) T(cns_birth) T(birth) T(death)     \
  T(to_rest) T(rests_again) T(faster_again) T(wake) T(normal) T(mutation) T(felt) T(seeding) T(released) T(antigen) T(acts) T(side) T(size)

#define REMISSION_VIEW(Type, name) View<Type> name;
#define REMISSION_NUMBER(name) Int name = 0;
struct Tables {
  TABLES_FIELDS(REMISSION_VIEW)
  Int age_rows = 0;  // columns of `ages`
};
struct Layout {
  LAYOUT_FIELDS(REMISSION_VIEW)
  LAYOUT_NUMBERS(REMISSION_NUMBER)
  Int clones() const { return clone_purpose.size; }
  Int pools() const { return clones() ? clone_kill.size / clones() : 0; }
  Int slots() const { return bins * SLOTS_PER_BIN; }  // of a day
  Int halves() const { return 2 * bins; }             // half bins, by which blasts go
  Int agents() const { return steps.size; }
};

// Columns of the whole cohort, as Python has them.
struct Columns {
  Int patients = 0;
  View<Person> person;
  View<ImmuneNumbers> immune;
#define REMISSION_COLUMN(name) View<Real> name;
  LANES_FIELDS(REMISSION_COLUMN)

  // The rows of a field: do patients differ in them, the number of the first, and, patient after patient, those that differ.
  struct Alike {
    std::vector<char> differs;
    std::vector<Real> first, own;
    std::size_t differing = 0;  // rows
  };
  std::vector<Alike> alike;  // fields; none before `compare`

  // Most rows hold one number for everybody: found once, only the others are gathered for a block.
  void compare() {
    alike.clear();
#define REMISSION_COMPARE(name) alike.push_back(compared(name));
    LANES_FIELDS(REMISSION_COMPARE)
  }

 private:
  Alike compared(const View<Real>& all) const {
    Alike out;
    const std::size_t number = static_cast<std::size_t>(patients), rows = number ? static_cast<std::size_t>(all.size) / number : 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const Real* row = all.data + i * number;
      out.differs.push_back(std::memcmp(row, row + 1, (number - 1) * sizeof(Real)) != 0);
      out.first.push_back(row[0]);
      out.differing += out.differs[i];
    }
    out.own.resize(out.differing * number);
    for (std::size_t i = 0, k = 0; i < rows; ++i) {
      if (!out.differs[i]) continue;
      for (std::size_t p = 0; p < number; ++p) out.own[p * out.differing + k] = all.data[i * number + p];
      ++k;
    }
    return out;
  }
};

// The same for the patients of one block.
struct Lanes {
  Person person[LANES];
  ImmuneNumbers immune[LANES];
#define REMISSION_ROWS(name) Rows name;
  LANES_FIELDS(REMISSION_ROWS)

  // places: of the patients in the cohort; in a lane of place -1 stands the first of them, and is not played.
  Lanes(const Columns& all, const Int* places) {
    Int from[LANES];
    for (int l = 0; l < LANES; ++l) {
      from[l] = places[l] >= 0 ? places[l] : places[0];
      person[l] = all.person[from[l]];
      immune[l] = all.immune[from[l]];
      if (places[l] < 0) person[l].real = 0;
    }
    for (int l = 0; l < LANES; ++l)
      for (int k = 0; k < IMMUNE_NUMBERS; ++k) immune_(k, l) = reinterpret_cast<const Real*>(&immune[l])[k];
    std::size_t field = 0;
    auto alike = [&] { return all.alike.empty() ? nullptr : &all.alike[field++]; };
#define REMISSION_TAKE(name) name = take(all.name, all.patients, from, alike());
    LANES_FIELDS(REMISSION_TAKE)
  }

  // One of the numbers of the immune system, of all patients.
  Wide immune_row(Real ImmuneNumbers::*x) const {
    return load_row(immune_, &(immune[0].*x) - reinterpret_cast<const Real*>(&immune[0]));
  }

 private:
  static constexpr int IMMUNE_NUMBERS = sizeof(ImmuneNumbers) / sizeof(Real);
  Rows immune_{IMMUNE_NUMBERS};

  static Rows take(const View<Real>& all, Int patients, const Int* from, const Columns::Alike* alike) {
    const Int rows = patients ? all.size / patients : 0;
    Rows out = Rows::unset(rows);
    std::size_t k = 0;
    for (Int i = 0; i < rows; ++i) {
      if (!alike) {
        for (int l = 0; l < LANES; ++l) out(i, l) = all.data[i * patients + from[l]];
      } else if (alike->differs[i]) {
        for (int l = 0; l < LANES; ++l) out(i, l) = alike->own[static_cast<std::size_t>(from[l]) * alike->differing + k];
        ++k;
      } else {
        store(out.row(i), everywhere(alike->first[i]));
      }
    }
    return out;
  }
};

}  // namespace remission
