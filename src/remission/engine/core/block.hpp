// One block of patients and all that a step of the day may look at or change.
#pragma once
#include "chance.hpp"
#include "leukaemia.hpp"
#include "state.hpp"

namespace remission {

struct Play {
  Int treatment_days = 0, follow_up_days = 0;  // from the first day of treatment, day 0
  bool chance = true;
  std::uint32_t keep = ~0u;  // bits: the tables of records that are asked for
  std::uint64_t seed = 0;
  bool timings = false;
  Int daily_until = 0;  // states are noted daily before this day, then weekly
};

constexpr int MOST_TIMED = 32;  // steps of the day (day.hpp) and the preparation

struct Block {
  const Tables& t;
  const Layout& lay;
  const Play& play;
  const Lanes q;
  Place place;
  Drugs drugs;
  Flesh flesh;
  Work work;
  DayMeans day;
  Records rec;
  Real spent[MOST_TIMED] = {};  // seconds in each step of the day, where timings are asked for

  Int today[LANES] = {};        // the day of each patient: who has come from another block may be on another

  // places: of the patients in the cohort, -1 for a lane without one
  Block(const Tables& t_, const Layout& lay_, const Play& play_, const Columns& all, const Int* places)
      : t(t_), lay(lay_), play(play_), q(all, places), place(t_, q), drugs(t_, lay_, q), flesh(lay_, q), work(lay_, q, flesh),
        day(lay_, q), rec{play_.keep} {}

  Real setting(Setting s) const { return lay.settings[s]; }
  LaneState& lane(int l) { return place.lane[l]; }
  const Person& person(int l) const { return q.person[l]; }
  Int pid(int l) const { return q.person[l].patient; }
  Wide date() const {
    Wide out;
    for (int l = 0; l < LANES; ++l) out[l] = static_cast<Real>(today[l]);
    return out;
  }
  // -1 for those who are played today
  WideInt here() const {
    WideInt out;
    for (int l = 0; l < LANES; ++l) out[l] = -Int{place.here[l]};
    return out;
  }

  Real uniform(int l, std::uint32_t purpose, Int index) const {
    return chance::uniform(play.seed, pid(l), purpose, index);
  }
  Real normal(int l, std::uint32_t purpose, Int index) const {
    return chance::normal(play.seed, pid(l), purpose, index);
  }
  Real exponential(int l, std::uint32_t purpose, Int index) const {
    return chance::exponential(play.seed, pid(l), purpose, index);
  }
  Real poisson(int l, std::uint32_t purpose, Int index, Real mean) const {
    return chance::poisson(play.seed, pid(l), purpose, index, mean);
  }
  // What keys the chance of a sample or a dose: the phase by name, its cycle, its day, and the days waited there.
  Int numbered(int l, Int phase, Int day, Int waited) {
    return (t.phases[phase].key ^ (place.cycle(phase, l) << 20) ^ (day << 8) ^ waited) & 0xFFFFFFFF;
  }
  void event(int l, Int today, Int phase, Event kind, Real detail) {
    rec.note(EVENTS, l, today, phase, kind, detail);
  }
  void side_effect(int l, Int which, Int first, Int last, Int grade) {
    rec.note(SIDE, l, which, first, last, grade);
  }
  // The day of what happens to a patient for the first time: a later one does not replace it.
  void first_time(int l, Result column, Int today) {
    if (std::isnan(place.result[l][column])) place.result[l][column] = static_cast<Real>(today);
  }

  // Is the condition true for this patient? What was never measured (nan) makes a comparison false.
  bool holds(Int condition, int l) const {
    bool stack[MAX_DEPTH];
    int depth = 0;
    for (Int i = t.conditions[condition].first; i < t.conditions[condition].last; ++i) {
      const Term& term = t.terms[i];
      if (term.code < AND) {
        const Real x = place.seen(term.variable, l), v = term.value;
        bool ok = false;
        switch (term.code) {
          case BELOW: ok = x < v; break;
          case AT_MOST: ok = x <= v; break;
          case ABOVE: ok = x > v; break;
          case AT_LEAST: ok = x >= v; break;
          case EQUAL: ok = x == v; break;
          default: ok = x != v && x == x;
        }
        stack[depth++] = ok;
      } else if (term.code == AND) {
        --depth;
        stack[depth - 1] = stack[depth - 1] && stack[depth];
      } else if (term.code == OR) {
        --depth;
        stack[depth - 1] = stack[depth - 1] || stack[depth];
      } else {
        stack[depth - 1] = !stack[depth - 1];
      }
    }
    return stack[0];
  }

  // --- readings of the body

  // The size on a day, straight between its rows: which 0 surface in m2, 1 weight in kg.
  Real size_on(int l, Int today, Int which) const {
    const Real at = std::min(static_cast<Real>(today) / SIZE_DAYS, static_cast<Real>(SIZES - 1));
    const Int i = which * SIZES + std::min(static_cast<Int>(at), SIZES - 2);
    const Real from = q.size(i, l), to = q.size(i + 1, l);
    return from + (to - from) * (at - static_cast<Real>(i - which * SIZES));
  }

  Real circulating(int line, int l) const { return flesh.line(line * STATE_ROWS + CIRCULATING, l); }
  Real platelets(int l) const { return circulating(PLATELETS, l) + flesh.pool(0, l); }
  Real haemoglobin(int l) const {
    const Int red = RED_CELLS * STATE_ROWS;
    return flesh.line(red + 1, l) + flesh.line(red + 2, l) + flesh.line(red + 3, l) + flesh.line(red + 4, l);
  }
  // The share of blasts in a marrow that is at rest, when there are so many.
  Real share_at_rest(int l, Real cells) const {
    const Real load = cells / person(l).capacity;
    return load / (load + std::max(1e-4, 1.0 - person(l).omega * load));
  }
  Real birth(Int clone, int l) const { return q.birth(clone, l) * flesh.faster(clone, l); }
  Real leukaemic_cells(int l) const {
    Real total = 0.0;
    for (Int c = 0; c < 2 * lay.clones(); ++c) total += flesh.cells(c, l);
    return total;
  }
  // Blasts among the nucleated cells of the marrow. An emptied marrow still has stroma and stray cells: a hundredth of a
  // whole one is the least that blasts are counted among.
  Real blast_share(int l, Real total) const {
    return total / (total + std::max(flesh.room(0, l), 0.01) * q.person[l].capacity);
  }
  // Blasts in blood, 1e9/L: inflow from marrow over loss, quasi-steady within hours.
  Real blood_blasts(int l, Real total) const {
    const Real loss = setting(S_BLOOD_LOSS);
    return q.person[l].blood_ratio * total * loss / (loss + flesh.k_blood(0, l));
  }
  // Share of the marrow that came with a graft; 0 before there is one.
  Real donor_share(int l) const { return flesh.immune[l].grafted == 1 ? 1.0 - flesh.immune[l].host : 0.0; }
  Real of_clone(int l, Int clone) const {
    return clone < 0 ? NEVER_MEASURED : flesh.cells(2 * clone, l) + flesh.cells(2 * clone + 1, l);
  }
};

// States of the body on a day.
inline void note_state(Block& b, int l, Int today, Real total, Real fraction) {
  const ImmuneState& im = b.flesh.immune[l];
  b.rec.note(STATES, l, today, b.circulating(NEUTROPHILS, l), b.platelets(l), b.haemoglobin(l),
             b.circulating(LYMPHOCYTES, l), total, b.flesh.cns(0, l), fraction, im.cells + im.memory, im.cytokine,
             im.b * im.b_baseline, im.igg, b.donor_share(l), b.flesh.room(0, l), b.of_clone(l, b.lay.t315i),
             b.of_clone(l, b.lay.without_cd19));
}

}  // namespace remission
