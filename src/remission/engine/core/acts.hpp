// Radiation, grafts, collected and living cells, antibodies: what acts on the day it is given.
#pragma once
#include "block.hpp"
#include "radiation.hpp"

namespace remission {

constexpr std::uint32_t P_SURVIVES = chance::purpose("cells of the CNS that radiation leaves");
constexpr std::uint32_t IRRADIATED = 10;  // added to the purpose of a clone, see few_cells.hpp
constexpr std::uint32_t P_MADE = chance::purpose("manufacture of cells");
constexpr std::uint32_t P_WORKS = chance::purpose("function of cells");
constexpr std::uint32_t P_TAKES = chance::purpose("graft takes");
constexpr Int MENDED_DAYS = 14;  // after which a field counts as new

// The feedback is carried as a state and follows small changes only: after a jump it is computed.
inline void feedback_anew(Block& b, int l) {
  for (int i = 0; i < LINES; ++i)
    if (b.lay.line_kind[i] == LIFE_SPAN) {
      const Real cells = b.haemoglobin(l), full = b.q.production(0, l) / b.q.line_transit(i, l);
      b.flesh.line(i * STATE_ROWS + FEEDBACK, l) =
          red_feedback(b.flesh.room(0, l), full, b.flesh.line(i * STATE_ROWS, l), b.q.line_base(i, l), cells,
                       b.q.line_feedback(i, l), b.q.line_growth(i, l));
      b.flesh.line(i * STATE_ROWS + FORESEEN, l) = cells;
    } else if (b.lay.line_kind[i] == POWER) {
      const Real cells = b.circulating(i, l);
      b.flesh.line(i * STATE_ROWS + FEEDBACK, l) =
          std::pow(b.flesh.room(0, l) * b.q.line_base(i, l) / cells, b.q.line_feedback(i, l));
      b.flesh.line(i * STATE_ROWS + FORESEEN, l) = cells;
    }
}

// After a loss of normal marrow: where less of the patient's own, or of the donor's, is left than grows back, it is gone.
inline void marrow_is_lost(Block& b, int l) {
  Real& room = b.flesh.room(0, l);
  ImmuneState& im = b.flesh.immune[l];
  Real own = room * im.host, donor = room - own;
  const Real least = b.q.immune[l].least_marrow;
  if ((0.0 < own && own < least) || (im.grafted == 1 && donor < least)) {
    own = own >= least ? own : 0.0;
    donor = donor >= least ? donor : 0.0;
    im.grafted = donor > 0.0;
    room = std::max(own + donor, 1e-9);
    im.host = own / room;
    if (own + donor <= 0.0) b.flesh.rho(0, l) = 0.0;
  }
  feedback_anew(b, l);
}

// Add marrow of a donor or of the patient's own cells: `seeded` of a whole one.
inline void engraft(Block& b, int l, Real seeded, bool own) {
  Real& marrow = b.flesh.room(0, l);
  ImmuneState& im = b.flesh.immune[l];
  const Real room = marrow + seeded;
  im.host = (im.host * marrow + (own ? seeded : 0.0)) / room;
  marrow = room;
  if (!own) im.grafted = 1;
  for (int i = 0; i < LINES; ++i)  // a graft brings what proliferates, too
    if (b.lay.line_kind[i] == POWER || b.lay.line_kind[i] == SATURATING)
      b.flesh.line(i * STATE_ROWS, l) += seeded * b.q.line_base(i, l) * b.q.line_loss(i, l) / b.q.line_gain(i, l);
    else if (b.lay.line_kind[i] == LIFE_SPAN)
      b.flesh.line(i * STATE_ROWS, l) += seeded * b.q.production(0, l) / b.q.line_transit(i, l);
  b.flesh.rho(0, l) = b.q.rho(0, l);
  feedback_anew(b, l);
}

// What is left of x cells: their mean where they are many, a draw where they are few.
inline Real left_of(const Block& b, int l, Real x, Real share, std::uint32_t purpose, Int today) {
  if (x <= 0.0 || share >= 1.0) return x;
  if (!b.play.chance) return x * share;
  if (x < FEW) return chance::binomial(b.play.seed, b.pid(l), purpose, today, x, share);
  return x * share < FEW ? b.poisson(l, purpose, today, x * share) : x * share;
}

// A day's fractions. A field hits the same part of the marrow day after day: what was left of it is remembered.
inline void irradiate(Block& b, Int act, int l, Int today, Real dose, int times) {
  auto n = [&](int k) { return b.q.acts(act * ACT_NUMBERS + k, l); };
  Flesh& flesh = b.flesh;
  const Real marrow = n(0), cns = n(1);
  const Real blasts = survival(dose, times, n(2), n(3), n(6)), normal = survival(dose, times, n(4), n(5), n(6));
  if (static_cast<Real>(today) - flesh.field(3 * act + 2, l) > MENDED_DAYS)
    flesh.field(3 * act, l) = flesh.field(3 * act + 1, l) = 1.0;
  const Real old_blasts = flesh.field(3 * act, l), old_normal = flesh.field(3 * act + 1, l);
  flesh.field(3 * act, l) = old_blasts * blasts;
  flesh.field(3 * act + 1, l) = old_normal * normal;
  flesh.field(3 * act + 2, l) = static_cast<Real>(today);
  const Real lost = b.lane(l).lost, left = lost > 0.0 ? std::pow(n(7), lost) : 1.0;  // of alpha, in the marrow
  for (Int c = 0; c < b.lay.clones(); ++c) {
    const Real typical = b.lay.clone_kill[c * b.lay.pools() + b.lay.acts[act].pool];
    const Real own = typical == 1.0 ? 1.0 : std::min(1.0, typical * b.q.felt(c, l)), felt = left * own;  // of ln of what is left
    const Real old = felt == 1.0 ? old_blasts : std::pow(old_blasts, felt);
    const Real now = felt == 1.0 ? blasts : std::pow(blasts, felt);
    const Real share = (1.0 - marrow + marrow * old * now) / (1.0 - marrow + marrow * old);
    for (Int i = 2 * c; i < 2 * c + 2; ++i)
      flesh.cells(i, l) =
          left_of(b, l, flesh.cells(i, l), share,
                  static_cast<std::uint32_t>(b.lay.clone_purpose[c]) + IRRADIATED + static_cast<std::uint32_t>(i % 2), today);
  }
  flesh.total(0, l) = b.leukaemic_cells(l);
  flesh.cns(0, l) = left_of(b, l, flesh.cns(0, l), 1.0 - cns + cns * blasts, P_SURVIVES, today);
  const Real hit = (1.0 - marrow + marrow * old_normal * normal) / (1.0 - marrow + marrow * old_normal);
  flesh.immune[l].b *= hit;
  for (int i = 0; i < LINES; ++i) flesh.line(i * STATE_ROWS, l) *= hit;  // what proliferates; of lymphocytes those in blood too
  flesh.line(LYMPHOCYTES * STATE_ROWS + CIRCULATING, l) *= hit;
  if (hit >= 1.0) return;
  flesh.room(0, l) *= hit;
  marrow_is_lost(b, l);
}

// Does the protocol collect cells for this agent, so that there must be a product before an infusion?
inline bool is_made(const Layout& lay, Int agent) {
  for (const Act& act : lay.acts)
    if (act.kind == COLLECTION && act.agent == agent) return true;
  return false;
}

// One act on one patient; false where nothing has come into the body: cells taken, not made, or rejected.
inline bool act_on(Block& b, Int i, int l, Int today, Real dose, int times) {
  const Act& act = b.lay.acts[i];
  const Int phase = b.lane(l).phase;
  const Real agent = static_cast<Real>(act.agent), weight = b.size_on(l, today, 1);
  auto n = [&](int k) { return b.q.acts(i * ACT_NUMBERS + k, l); };
  ImmuneState& im = b.flesh.immune[l];
  switch (act.kind) {
    case RADIATION:
      irradiate(b, i, l, today, dose, times);
      return true;
    case COLLECTION:
      im.product = IN_MANUFACTURE;
      im.product_day = today + std::max<Int>(1, static_cast<Int>(std::nearbyint(n(C_DAYS))));
      im.makes = !(b.play.chance && b.uniform(l, P_MADE, im.collections) < n(C_FAILURE));
      im.collections += 1;
      b.event(l, today, phase, E_COLLECTION, agent);
      return false;
    case CELLS:
      if (is_made(b.lay, act.agent)) {
        if (im.product == INFUSED && im.cells_day >= 0 && im.cells_act == i) {  // the next part of the same product
          im.cells += n(C_INITIAL) * dose / weight;
          b.event(l, today, phase, E_INFUSION, agent);
          return true;
        }
        if (im.product != READY) return false;
        im.product = INFUSED;
      }
      im.cells = n(C_INITIAL) * dose / weight;
      im.memory = 0.0;
      im.cells_day = today;
      im.cells_act = i;
      im.works = !(b.play.chance && b.uniform(l, P_WORKS, im.infusions) < n(C_DYSFUNCTIONAL));
      im.infusions += 1;
      b.first_time(l, RESULT_INFUSION, today);
      b.event(l, today, phase, E_INFUSION, agent);
      return true;
    case GRAFT: {
      const bool rejected = b.play.chance && b.uniform(l, P_TAKES, im.grafts) < n(1);
      im.grafts += 1;
      b.first_time(l, RESULT_TRANSPLANT, today);
      im.transplant_day = today;
      b.event(l, today, phase, E_GRAFT, agent);
      if (rejected) {
        b.event(l, today, phase, E_FAILED, agent);
        return false;
      }
      engraft(b, l, n(0) * dose / weight, n(2) > 0.0);
      return true;
    }
    default:
      im.igg += n(0) * dose / weight;
      b.event(l, today, phase, E_INFUSION, agent);
      return true;
  }
}

// What was given this morning and acts at once.
inline void acts_of_day(Block& b) {
  for (Int i = 0; i < b.lay.acts.size; ++i) {
    const Int form = b.lay.acts[i].form;
    if (!b.drugs.given(form)) continue;
    for (int l = 0; l < LANES; ++l) {
      Real dose = 0.0;
      int times = 0;
      for (Int k = 0; k < STEPS; ++k) {
        const Real some = b.drugs.amount(form * STEPS + k, l);
        if (some > 0.0) {
          dose += some;
          ++times;
        }
      }
      if (dose > 0.0 && !act_on(b, i, l, b.today[l], dose, times))
        for (Int k = 0; k < STEPS; ++k) b.drugs.amount(form * STEPS + k, l) = 0.0;  // nothing goes on into the kinetics
    }
  }
}

}  // namespace remission
