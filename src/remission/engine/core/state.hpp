// What changes while a block is played: where each patient stands, what is on board, the body, what is recorded.
#pragma once
#include <memory>

#include "leukaemia.hpp"
#include "marrow.hpp"
#include "quiet_days.hpp"
#include "tables.hpp"
#include "words.hpp"

namespace remission {

struct LaneState {
  Int status = WAITING, phase = 0, day = 1;  // day counts from 1 in the phase
  Int next_phase = -2;                       // -2: as the protocol says
  Int gate_from = 0, gate_check = 0, wait_passed = 0, stalled = 0, ended = -1, last_fever = -1000;
  Int remission = 0;  // 0 no, 1 yes, 2 lost (seen in the marrow)
  Int relapses = 0, relapsed_on = 0;  // the day of the last one
  Real lost = 0.0;                    // powers of the loss of sensitivity, summed over relapses
  Int sample = 0;    // keys the chance of what is measured
  Int visited = -1;  // the row of `days` of today's visit
  Int cut = 0;       // infusions end this morning: 1 those of what is held or stopped, 2 all
  Int again = 0;     // the phase begins anew
  Int wakes = -1;    // the day on which a relapse that the follow-up foresaw comes; until then the patient is not played
  // held days that are made up: extra 1 on such a day, extended days so far, owed still to come, owed_on last counted
  Int extra = 0, extended = 0, owed = 0, owed_on = -1;
  Real bsa_m2 = 0.0, weight_kg = 0.0;  // as doses are calculated: measured when the phase began
};
struct SlotState {
  Real factor = 1.0, limit = 1.0, last_dose = 0.0, top_dose = 0.0, run_dose = 0.0, run_factor = 0.0, run_planned = 0.0,
       run_tau = 0.0, run_first = 0.0, run_last = 0.0,
       of_week = 1.0;  // what of this week's doses arrives, over what does on average
  Int week = -1, held_by = -1, stopped = 0, run_from = -1, run_to = 0, run_reason = 0, run_times = 0, run_doses = 0;
};
struct RuleState {
  Int since = -1, true_visits = 0, fired = 0, active = 0, held_from = 0, rescue_next = -1, rescue_given = 0;
};
struct ImmuneState {
  Real cells = 0, memory = 0, kill = 0, b = 0, b_baseline = 0, plasma = 1, igg = 0, cytokine = 0, ready = 1, brain = 0,
       host = 1;
  Int cells_day = -1, cells_act = 0, works = 0, product = 0, product_day = 0, makes = 0, transplant_day = -1,
      grafted = 0, crs = 0, crs_from = 0, crs_worst = 0, neuro = 0, neuro_from = 0, neuro_worst = 0, fatal = 0;
  Int collections = 0, infusions = 0, grafts = 0, storms = 0;
};
struct SideState {
  Int grade = 0, worst = 0, began = 0, episodes = 0;
};

// Where each patient stands in the protocol, and what its rules have decided.
struct Place {
  LaneState lane[LANES];
  bool here[LANES];  // played today; from the clinic on without those who have left
  std::vector<SlotState> slots;  // slot after slot: factors of the rules, escalation, the run of equal daily doses so far
  std::vector<RuleState> rules;
  std::vector<Int> begun;   // phase after phase: first day, -1 before
  std::vector<Int> cycles;  // and how often it has begun
  std::vector<Int> dose_rules, dose_rules_from;  // slot after slot: rules that are judged with each of its doses
  std::vector<Int> rescues;                      // rules by which a level decides on doses
  Rows seen;               // variables
  Real result[LANES][RESULT_COLUMNS];

  SlotState& slot(Int i, int l) { return slots[i * LANES + l]; }
  RuleState& rule(Int i, int l) { return rules[i * LANES + l]; }
  Int& began(Int phase, int l) { return begun[phase * LANES + l]; }
  Int& cycle(Int phase, int l) { return cycles[phase * LANES + l]; }

  Place(const Tables& t, const Lanes& q)
      : slots(t.slots.size * LANES), rules(t.rules.size * LANES), begun(t.phases.size * LANES, -1),
        cycles(t.phases.size * LANES, 0), dose_rules_from{0}, seen(q.seen) {
    for (const Slot& slot : t.slots) {
      const Phase& phase = t.phases[slot.phase];
      for (Int i = phase.rules_from; i < phase.rules_to; ++i) {
        const Rule& rule = t.rules[t.phase_rules[i]];
        if (rule.kind != OMIT && rule.kind != REPEAT && rule.kind != MISS && rule.kind != RESCUE) continue;
        for (Int j = rule.slots_from; j < rule.slots_to; ++j)
          if (t.rule_slots[j] == &slot - t.slots.data) dose_rules.push_back(t.phase_rules[i]);
      }
      dose_rules_from.push_back(static_cast<Int>(dose_rules.size()));
    }
    for (Int r = 0; r < t.rules.size; ++r)
      if (t.rules[r].kind == RESCUE) rescues.push_back(r);
    for (int l = 0; l < LANES; ++l) {
      lane[l].status = q.person[l].real == 1 ? WAITING : DONE;
      lane[l].phase = q.person[l].first_phase;
      lane[l].remission = static_cast<Int>(q.person[l].in_remission);
      lane[l].bsa_m2 = q.person[l].bsa_m2;
      lane[l].weight_kg = q.person[l].weight_kg;
      for (Real& x : result[l]) x = NEVER_MEASURED;
      result[l][RESULT_OUTCOME] = ON_TREATMENT;
      result[l][RESULT_DELAY] = 0.0;
      for (int c = RESULT_FEVERS; c < RESULT_CAUSE; ++c) result[l][c] = 0.0;
    }
  }
};

enum SlowRow : int { REMAINS, MEAN_OF_DAY, AT_NODES, SLOW_ROWS = AT_NODES + 2 };

// Amounts on board and the step responses of every agent.
struct Drugs {
  Rows x;        // states
  std::vector<std::uint64_t> present;   // agents: bits of the states that anybody has something of
  std::vector<std::uint64_t> made_of;   // rows of a step: bits of the states that they are made of
  std::vector<Int> segment_states, segment_states_from;  // segments: the states that their rows are made of
  std::vector<std::uint64_t> slow;      // agents: bits of the states that fade on their own, see `fading`
  Rows fade;     // of each state by SlowRow: what is left of it after a day, its mean and its values at both Gauss nodes
  Marks wanted;    // agents: does anybody ask what it makes?
  QuietDay day;
  std::vector<std::vector<int>> asked;  // agents: outputs that are wanted of a quiet day; none where no day is quiet
  std::vector<Rows> quiet;     // agents: the matrix of a quiet day, with the responses
  Rows quiet_from, last;       // agents: days after a dose from which days are quiet; when there was anything new last
  Rows spread;                 // shapes: mean and mean square of the driver today, where many steps ask for the day's mean
  Rows out;      // states at the end of a step, means and values in it
  Rows z;        // saturable products
  std::vector<std::vector<Int>> of_product;  // products: shapes made of them
  Rows shape;    // means of bent drivers
  Marks touched;  // shapes that hold anything today; what an earlier day left in the others is emptied when they are touched
  Marks by_spread;  // shapes: taken from the mean and the spread of their driver, see `AgentDay::by_spread`
  bool watching = false;  // does anybody ask for the means of outputs?
  Marks by_nodes; // shapes that an antagonist answers: do they stand at nodes, two rows a slot? Else one
  Rows sharp;    // the same in the panels of every slot
  Marks sharp_on;     // slots
  Marks sharp_agent;  // agents * slots
  Rows sharp_given;               // agents * slots: 1 where the patient was given the agent
  Rows sharp_lane;                // slots: 1 where any was
  Rows against;  // what antagonists take away from shapes at the nodes, plasma / (half + plasma)
  Rows watch;    // means of outputs that somebody asked for
  Rows level;    // levels * STEPS: plasma now
  Marks on_board;     // agents
  Marks acting;       // on board at some time today
  std::vector<Int> at_hand;  // agents that are, and where a dose waits for a level all others, too
  Rows amount;                    // forms * STEPS: bioavailable doses of the day
  Marks used;
  Marks due;          // agents: is a dose given today?
  // Is any dose of the form given today?
  bool given(Int form) const {
    static_assert(sizeof(Mark) == 1);
    char none[STEPS] = {};
    return std::memcmp(used.data() + form * STEPS, none, STEPS) != 0;
  }
  Rows left;                      // forms: days that an infusion still runs
  Rows rate;
  Marks running;
  Rows late;                      // forms: doses that enter after a lag
  Rows wait;                      // and after how many days, where elimination bends
  Marks delaying;
  Rows first;                     // agents: day of the first dose, -1 before
  Rows was_running;               // agents: 1 where an infusion ran in the step before
  Marks answered;     // agents: are their responses known?
  std::vector<Rows> weight, sink;  // agents: entries, rows of the sink, kind after kind of step; empty before they are known
  std::vector<Rows> part, full;   // forms that flow in: rows, kind after kind of step
  Rows line_weight;               // 4 lines of WEIGHT_ROWS
  Rows plateau;                   // of saturable products: formation / loss
  Rows decay, shift, lost;        // and over a window: exp(-loss t), its mean, (1 - decay) / shift
  Rows saved, saved_left, saved_quiet, other;

  Drugs(const Tables& t, const Layout& lay, const Lanes& q);
};

// Into how many parts of the day somebody looks.
inline Int looked_at(const Layout& lay, Int agent) { return lay.watched[lay.output_from[agent]] >= 0 ? lay.slots() : 0; }

// A dose that flows in, or comes later: it needs answers of its own. Any other is in its state at once.
inline bool flows_in(const Form& form) { return form.tau > 0.0 || form.lag > 0.0; }
inline Int flow_rows(const Tables& t, const Layout& lay, Int form) {
  return flows_in(t.forms[form]) ? lay.form_row_from[form + 1] - lay.form_row_from[form] : 0;
}
inline Int sink_rows(const Layout& lay, Int agent) {
  return lay.saturable[agent] == 1 ? lay.sink_from[agent + 1] - lay.sink_from[agent] : 0;
}

// What is made of each state on an agent's quiet day, and the rows of its matrix.
inline Int quiet_results(const Drugs& drugs, const Layout& lay, Int agent) {
  const Int outputs = static_cast<Int>(drugs.asked[agent].size());
  return lay.state_from[agent + 1] - lay.state_from[agent] + (TIMES + looked_at(lay, agent)) * outputs;
}
inline Int quiet_rows(const Drugs& drugs, const Layout& lay, Int agent) {
  const Int n = lay.state_from[agent + 1] - lay.state_from[agent];
  return drugs.asked[agent].empty() ? 0 : n * quiet_results(drugs, lay, agent);
}

// Blood, marrow, leukaemia; how strongly drugs keep blasts and neutrophils out of or in the blood today.
struct Flesh {
  Rows line;   // 4 lines of STATE_ROWS
  Rows pool;   // transfused platelets
  Rows room;   // normal marrow over capacity
  Rows cells;  // clones * 2: cycling, resting
  Rows cns, total;
  Rows asleep;  // cells and, last, those of the CNS on the day on which a relapse will be seen
  Rows k_blood, mobilised;
  Rows fever, fever_at;  // hazard of fever since the last, and where it comes
  Rows lethal, lethal_at;        // hazard of death from leukaemia so far, and where it comes
  Rows seeded, seed_at, seeds;   // cells expected in the CNS so far, where on that clock the next comes, how many came
  Rows faster;           // clones: times the rate of births: another one after a relapse
  Rows rests;            // times the rate at which cells go to rest: another one after a relapse
  Rows rho;              // regrowth of the normal marrow; 0 where nothing is left that could
  Rows daily;            // DailyTarget, then three for each side effect
  Rows field;            // acts * 3: what radiation has left of blasts and of normal cells in its field, the last day
  Rows lost;             // agents: 1 where antibodies take the agent away
  ImmuneState immune[LANES];
  std::vector<SideState> sides;  // side effects * lanes
  Rows side_clock, side_due;     // hazard since the last episode, and where on that clock the next begins: -1 before it is drawn
  Rows side_until;               // first day without the episode that lasts; 0 where there is none
  Marks lasting;     // side effects: may an episode last in anybody?
  Marks moderated;   // side effects that a drug protects from or makes worse
  Rows mutants, mutant_at, mutants_came;  // clones: the same for mutants
  Rows swing, unrest;            // lines: the slow swing of this week (SD 1), and what it and a cold take of proliferation

  SideState& side(Int s, int l) { return sides[s * LANES + l]; }
  const SideState& side(Int s, int l) const { return sides[s * LANES + l]; }

  Flesh(const Layout& lay, const Lanes& q);
};

// Where an effect goes: into rows of slots, into the rows of its pool, into half bins or into one row of the day.
struct Felt {
  enum { LINE, POOL, ON_CNS, ON_LIVING, BY_DAY, NOWHERE } kind = NOWHERE;
  Int effect = 0, pool = 0;
  Real* out = nullptr;
};

// Of one day: drug effects, the leukaemia at its start, and the day's mean rates.
struct Work {
  Rows e_line;   // 4 lines of slots
  Rows e_sharp;  // 4 lines of slots, PANELS in each
  Rows k_cyc, k_rest;  // pools * half bins
  Marks pool_active;
  std::vector<Int> pools;   // those that are active today
  bool sharp = false;       // was a sharp dose given today?
  Rows k_cns;               // half bins
  Rows k_stem, k_b;         // half bins: kill of stem cells and of B cells
  Rows released, released_b;  // half bins: kill of blasts times the cytokine that it sets free; of B cells
  Rows freeing, freeing_b;  // half bins: the same kills, by what sets cytokine free, as they are
  bool on_living = true;    // do these six hold anything today?
  Rows antigen;             // blasts with the antigen at the start of a half bin, over the capacity
  Rows size, size_rest;     // effects: as after a relapse, if there was one
  std::vector<Felt> felt;   // members of shapes
  Rows n;                   // normal marrow at the start, in the middle, at the end of a step of the lines; in the middle of a half bin
  Rows room;                // slots of a step of the lines: normal marrow where conditioning kills it, else 0
  std::vector<Int> alive;   // clones of which anybody has cells this morning
  Rows kill;                // clones: of cycling and of resting cells in the half bin
  Rows load, load_mid;      // at the edges of the half bins, and in their middle
  Rows sown;                // at the edges: cells that seed the CNS
  Rows fall;                // half bins: of the load in the middle, as kill wears off
  Rows calm_kill;           // of a calm day, two rows a pool: mean kill of cycling and of resting cells
  Rows calm_cns;            // the same of the CNS; `fall` of the day
  Rows calm_load;           // load at its start, its end, in the middle
  Rows calm_n;              // normal marrow in the middle and at the end of a step of the lines
  Rows calm_end;            // what has come of it where others of the block have another day

  Work(const Layout& lay, const Lanes& q, Flesh& flesh);
};

// What chance needs where few cells are left: the cells in the morning and the day's mean rates.
struct DayMeans {
  Rows before, cns_before, cyc, rest, birth, births, cns, flux;
  Rows half;  // clones: `exchanged` in half a day
  DayMeans(const Layout& lay, const Lanes& q)
      : before(2 * lay.clones()), cns_before(1), cyc(lay.clones()), rest(lay.clones()), birth(1), births(1), cns(1),
        flux(1), half(lay.clones()) {
    for (Int c = 0; c < lay.clones(); ++c)
      for (int l = 0; l < LANES; ++l) half(c, l) = exchanged(q.to_rest(c, l), q.person[l].wake, 0.5);
  }
};

// Rows of numbers as they are written, in pieces of memory, so that what is written need not be moved when there is more.
class Noted {
 public:
  void add(const Real* row, std::size_t width) {
    if (pieces_.empty() || last_ == PIECE) {
      pieces_.push_back(std::make_unique_for_overwrite<Real[]>(PIECE * width));
      last_ = 0;
    }
    std::copy_n(row, width, pieces_.back().get() + last_++ * width);
  }
  std::size_t rows() const { return pieces_.empty() ? 0 : (pieces_.size() - 1) * PIECE + last_; }
  const Real* row(std::size_t i, std::size_t width) const { return pieces_[i / PIECE].get() + i % PIECE * width; }

 private:
  static constexpr std::size_t PIECE = 16;  // rows
  std::vector<std::unique_ptr<Real[]>> pieces_;
  std::size_t last_ = 0;  // rows of the last piece
};

// Rows written of one patient, table by table. Columns are counted as in the table, the first of which is the patient's
// number: it is not written here.
struct Notes {
  static constexpr int width[RecordTable_COUNT] = {11, 8, 12, 5, 17, 5, 7};
  Noted rows[RecordTable_COUNT];
};
struct Records {
  std::uint32_t keep;
  Notes of[LANES];

  bool keeps(RecordTable table) const { return keep >> table & 1; }
  template <class... T>
  void note(RecordTable table, int lane, T... values) {
    if (!keeps(table)) return;
    const Real row[] = {static_cast<Real>(values)...};
    of[lane].rows[table].add(row, sizeof...(values));
  }
};

// Bits of the states of an agent that fade on their own and act by the day: nothing is made of them but effects of which
// the mean of the day alone is wanted. Who has nothing else of the agent on board needs one step a day.
inline std::uint64_t fading(const Tables& t, const Layout& lay, Int agent, const std::vector<std::uint64_t>& made_of) {
  if (lay.saturable[agent] == 1 || lay.product_from[agent + 1] > lay.product_from[agent] || lay.against_row[agent] >= 0 ||
      lay.rescued[agent] == 1 || std::find(t.level_agent.begin(), t.level_agent.end(), agent) != t.level_agent.end())
    return 0;
  const Int n = lay.state_from[agent + 1] - lay.state_from[agent];
  const std::uint64_t* made = made_of.data() + lay.row_from[agent];
  std::uint64_t out = n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
  for (Int i = 0; i < n; ++i) out &= ~(made[i] & ~(std::uint64_t{1} << i));
  for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) {
    const Shape& s = lay.shapes[g];
    if (s.made_of != MEAN || s.parts != 1) out &= ~made[s.source];
  }
  return out;
}

// Does anybody ask what an agent makes?
inline bool wanted_of(const Tables& t, const Layout& lay, Int agent) {
  bool watched = false;
  for (Int j = lay.output_from[agent]; j < lay.output_from[agent + 1]; ++j) watched |= lay.watched[j] >= 0;
  return watched || lay.shape_from[agent + 1] > lay.shape_from[agent] || lay.against_row[agent] >= 0 || lay.rescued[agent] == 1 ||
         std::find(t.level_agent.begin(), t.level_agent.end(), agent) != t.level_agent.end();
}

// Outputs that are wanted of a quiet day: none where no day is played as one, or where it would save nothing, since all that
// is wanted are means.
inline std::vector<int> outputs_of_quiet_days(const Layout& lay, Int agent) {
  std::vector<int> out;
  const bool products = lay.product_from[agent + 1] > lay.product_from[agent];
  if (lay.slots() != STEPS || lay.saturable[agent] == 1 || lay.against_row[agent] >= 0 || lay.rescued[agent] == 1 ||
      (products && 2 * lay.steps[agent] * lay.windows[agent] != STEPS))
    return out;
  bool bends = false;
  for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g) bends |= lay.shapes[g].made_of == NODES;
  if (!bends) return out;
  for (Int j = 0; j < lay.linear_outputs[agent]; ++j) {
    bool wanted = lay.watched[lay.output_from[agent] + j] >= 0 || (products && j == 0);
    for (Int g = lay.shape_from[agent]; g < lay.shape_from[agent + 1]; ++g)
      wanted |= lay.shapes[g].made_of != PRODUCT && lay.shapes[g].output == j;
    if (wanted) out.push_back(static_cast<int>(j));
  }
  return out;
}

inline Drugs::Drugs(const Tables& t, const Layout& lay, const Lanes& q) : day(lay.slots()) {
  const Int agents = lay.agents(), forms = t.forms.size, slots = lay.slots();
  const Int products = lay.product_from[agents];
  Int shape_rows = 0, sharp_shapes = 0, antagonised = 0, most = 0, longest = 0;
  for (const Shape& s : lay.shapes) {
    shape_rows += s.antagonist >= 0 ? 2 * slots : s.parts;
    sharp_shapes += s.sharp >= 0;
    antagonised += s.antagonist >= 0;
  }
  Int watched = 0;
  for (Int w : lay.watched) watched += w >= 0;
  for (Int a = 0; a < agents; ++a)
    most = std::max(most, lay.state_from[a + 1] - lay.state_from[a] + lay.product_from[a + 1] - lay.product_from[a]);
  x = Rows(lay.state_from[agents]);
  present.assign(agents, 0);
  made_of.assign(lay.row_from[agents], 0);
  for (Int a = 0; a < agents; ++a) {
    for (Int i = lay.segment_from[a]; i < lay.segment_from[a + 1]; ++i)
      std::fill_n(made_of.begin() + lay.row_from[a] + lay.segments[i].row, lay.segments[i].rows, lay.segments[i].states);
  }
  segment_states_from.push_back(0);
  for (const Segment& s : lay.segments) {
    for (std::uint64_t left = static_cast<std::uint64_t>(s.states); left; left &= left - 1)
      segment_states.push_back(std::countr_zero(left));
    segment_states_from.push_back(static_cast<Int>(segment_states.size()));
  }
  slow.assign(agents, 0);
  fade = Rows(SLOW_ROWS * lay.state_from[agents]);
  for (Int a = 0; a < agents; ++a) {
    slow[a] = fading(t, lay, a, made_of);
    const Int s0 = lay.state_from[a], n = lay.state_from[a + 1] - s0;
    for (Int j = 0; j < n; ++j) {
      if (!(slow[a] >> j & 1)) continue;
      const Wide loss = -load_row(q.a, lay.a_from[a] + j * n + j), left = exp_wide(-loss);
      Real* row = fade.row(SLOW_ROWS * (s0 + j));
      store(row + REMAINS * LANES, left);
      store(row + MEAN_OF_DAY * LANES, (1.0 - left) / loss);
      for (int k = 0; k < 2; ++k) store(row + (AT_NODES + k) * LANES, exp_wide(-GAUSS[k] * loss));
    }
  }
  for (Int a = 0; a < agents; ++a) {
    wanted.push_back(wanted_of(t, lay, a));
    asked.push_back(outputs_of_quiet_days(lay, a));
    longest = std::max(longest, quiet_results(*this, lay, a));
  }
  quiet.resize(agents);
  quiet_from = Rows(agents);
  last = Rows(agents, -1000.0);
  spread = Rows(2 * lay.shapes.size);
  out = Rows(lay.row_from[agents]);
  z = Rows(products);
  of_product.resize(products);
  for (Int g = 0; g < lay.shapes.size; ++g)
    if (const Shape& s = lay.shapes[g]; s.made_of == PRODUCT)
      of_product[lay.product_from[s.agent] + s.output - lay.linear_outputs[s.agent]].push_back(g);
  shape = Rows(shape_rows);
  touched.assign(lay.shapes.size, 0);
  by_nodes.assign(lay.shapes.size, 0);
  for (const Shape& s : lay.shapes)
    by_spread.push_back(s.made_of == MEAN && s.parts == 1 && s.function != LINEAR && lay.steps[s.agent] > 1 &&
                        lay.saturable[s.agent] == 0);
  watching = watched > 0;
  sharp = Rows(PANELS * slots * sharp_shapes);
  sharp_on.assign(slots, 0);
  sharp_agent.assign(agents * slots, 0);
  sharp_given = Rows(agents * slots);
  sharp_lane = Rows(slots);
  against = Rows(2 * slots * antagonised);
  watch = Rows(slots * watched);
  level = Rows(t.level_agent.size * STEPS);
  on_board.assign(agents, 0);
  acting.assign(agents, 0);
  amount = Rows(forms * STEPS);
  used.assign(forms * STEPS, 0);
  due.assign(agents, 0);
  left = rate = late = wait = saved_left = Rows(forms);
  running.assign(forms, 0);
  delaying.assign(forms, 0);
  first = Rows(agents, -1.0);
  was_running = Rows(agents);
  answered.assign(agents, 0);
  weight.resize(agents);
  sink.resize(agents);
  part.resize(forms);
  full.resize(forms);
  line_weight = Rows(LINES * WEIGHT_ROWS);
  plateau = Rows(products);
  const Int rows = products ? lay.product_row[products] : 1;
  decay = shift = lost = Rows(rows);
  for (Int a = 0; a < agents; ++a)
    for (Int i = lay.product_from[a]; i < lay.product_from[a + 1]; ++i)
      for (int l = 0; l < LANES; ++l) {
        plateau(i, l) = q.product_formation(i, l) / q.product_loss(i, l);
        for (Int k = 0; k < lay.product_row[i + 1] - lay.product_row[i]; ++k) {
          const Real loss = lay.unit[lay.kind_from[a] + k] / static_cast<Real>(lay.windows[a]) * q.product_loss(i, l);
          decay(lay.product_row[i] + k, l) = std::exp(-loss);
          shift(lay.product_row[i] + k, l) = -std::expm1(-loss) / loss;
          this->lost(lay.product_row[i] + k, l) = loss;
        }
      }
  saved = other = Rows(most);
  saved_quiet = Rows(longest);
}

// The body at diagnosis: counts as they present, haemoglobin production already crowded out.
inline Flesh::Flesh(const Layout& lay, const Lanes& q)
    : line(LINES * STATE_ROWS, NEVER_MEASURED), pool(1), room(q.normal), cells(q.cells), cns(q.cns_cells), total(1), asleep(q.cells.rows() + 1),
      k_blood(1), mobilised(1), fever(1), fever_at(1), lethal(1), lethal_at(1), seeded(1), seed_at(1), seeds(1), faster(lay.clones(), 1.0), rests(1, 1.0), rho(q.rho),
      daily(FIRST_HAZARD + 3 * lay.again.size), field(3 * lay.acts.size, -1000.0), lost(lay.agents()),
      sides(lay.again.size * LANES), side_clock(lay.again.size), side_due(lay.again.size, -1.0),
      side_until(lay.again.size), lasting(lay.again.size, 1), moderated(lay.again.size), mutants(lay.clones()), mutant_at(lay.clones(), -1.0),
      mutants_came(lay.clones()), swing(LINES), unrest(LINES) {
  for (Int target : lay.effect_target)
    if (target >= HAZARDS && (target - HAZARDS) % 3 != 0) moderated[(target - HAZARDS) / 3] = 1;
  for (int l = 0; l < LANES; ++l) {
    for (Int c = 0; c < 2 * lay.clones(); ++c) total(0, l) += cells(c, l);
    for (int i = 0; i < LINES; ++i) {
      auto s = [&](int row) -> Real& { return line(i * STATE_ROWS + row, l); };
      const Real start = q.presenting(i, l);
      if (lay.line_kind[i] == ABSENT) continue;
      if (lay.line_kind[i] == LIFE_SPAN) {
        const Real full = q.production(0, l) / q.line_transit(i, l), n = q.normal(0, l);
        for (int k = 1; k < 5; ++k) s(k) = start / 4.0;
        s(PROLIFERATING) = full * n;
        s(FEEDBACK) = red_feedback(n, full, full * n, q.line_base(i, l), start, q.line_feedback(i, l), q.line_growth(i, l));
        s(FORESEEN) = start;
        continue;
      }
      for (int k = 0; k < 4; ++k) s(k) = start * q.line_loss(i, l) / q.line_gain(i, l);
      s(CIRCULATING) = s(FORESEEN) = start;
      if (lay.line_kind[i] == POWER)
        s(FEEDBACK) = std::pow(q.normal(0, l) * q.line_base(i, l) / start, q.line_feedback(i, l));
    }
    immune[l].b = q.normal(0, l);
    immune[l].b_baseline = q.immune[l].b_baseline;
    immune[l].igg = q.immune[l].igg_baseline;
    immune[l].cytokine = q.immune[l].cytokine_baseline;
  }
}

inline Work::Work(const Layout& lay, const Lanes& q, Flesh& flesh)
    : e_line(LINES * lay.slots()), e_sharp(LINES * lay.slots() * PANELS), k_cyc(lay.pools() * lay.halves()),
      k_rest(lay.pools() * lay.halves()), pool_active(lay.pools(), 0), k_cns(lay.halves()), k_stem(lay.halves()),
      k_b(lay.halves()), released(lay.halves()), released_b(lay.halves()), freeing(lay.halves()),
      freeing_b(lay.halves()), antigen(1), size(q.effect_size), size_rest(q.effect_rest), n(4), room(LINE_SLOTS),
      kill(2 * lay.clones()), load(lay.halves() + 1), load_mid(lay.halves()), sown(lay.halves() + 1), fall(lay.halves()),
      calm_kill(2 * lay.pools()), calm_cns(2), calm_load(3), calm_n(2), calm_end(4 * lay.clones() + 5) {
  for (Int effect : lay.members) {
    const Int target = lay.effect_target[effect], pool = lay.effect_pool[effect];
    if (target >= HAZARDS && lay.side_effects == 0)
      felt.push_back({});
    else if (target < LINES)
      felt.push_back({Felt::LINE, effect, pool, e_line.row(lay.slots() * target)});
    else if (target == BLASTS)
      felt.push_back({Felt::POOL, effect, pool, nullptr});
    else if (target == CNS)
      felt.push_back({Felt::ON_CNS, effect, pool, k_cns.row(0)});
    else if (target == ON_STEM_CELLS || target == ON_B_CELLS)
      felt.push_back({Felt::ON_LIVING, effect, pool, (target == ON_STEM_CELLS ? k_stem : k_b).row(0)});
    else
      felt.push_back({Felt::BY_DAY, effect, pool,
                      target == BLOOD          ? flesh.k_blood.row(0)
                      : target == MOBILISATION ? flesh.mobilised.row(0)
                                               : flesh.daily.row(target - DAILY)});
  }
}

}  // namespace remission
