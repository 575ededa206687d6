// CAR T-cells, B cells, antibodies and cytokine through a day (equations: immunity.hpp).
#pragma once
#include "acts.hpp"
#include "effects.hpp"
#include "immunity.hpp"

namespace remission {

constexpr int EXPANSION_STEPS = 3;  // of CAR T-cells in half a bin
constexpr std::uint32_t P_CRS = chance::purpose("death from cytokine release");

// Blasts with the antigen, over the marrow's capacity.
inline Wide with_antigen(const Block& b) {
  Wide total = {};
  for (Int c = 0; c < b.lay.clone_alone.size; ++c)
    if (b.lay.clone_alone[c] == 1) total += load_row(b.flesh.cells, 2 * c) + load_row(b.flesh.cells, 2 * c + 1);
  return total / load_row(b.q.capacity, 0);
}

// The mean effect on lymphocyte precursors over `number` slots: in each of them at most 1, as at each moment.
inline Wide on_precursors(const Block& b, Int first, Int number) {
  Wide sum = {};
  for (Int k = first; k < first + number; ++k) sum += smaller(load_row(b.work.e_line, b.lay.slots() * LYMPHOCYTES + k), 1.0);
  return sum * (1.0 / static_cast<Real>(number));
}

// B cells after h days, from x now, in a marrow n, under an effect on their precursors, in half bin j.
inline Real b_cells_after(const Block& b, int l, Int j, Real x, Real marrow, Real on_precursors, Real by_cells, Real h) {
  const ImmuneNumbers& n = b.q.immune[l];
  const Real made = n.b_turnover * marrow * (1.0 - n.b_share * on_precursors);
  const Real rate = n.b_turnover + b.work.k_b(j, l) + by_cells;
  return towards(x, made / rate, rate, h);
}

// Normal marrow in the middle of half bin j, whose own step comes later.
inline Real room_midway(const Block& b, int l, Int j, Real h) {
  const Real n = b.flesh.room(0, l), free = 1.0 - n - b.q.omega(0, l) * b.work.load(j, l);
  return n * std::exp(0.5 * h * (b.flesh.rho(0, l) * std::max(free, 0.0) - b.work.k_stem(j, l)));
}

// Growth of cycling blasts of the main clone in half bin j, less what drugs kill, 1/day.
inline Real growth_of_blasts(const Block& b, int l, Int j) {
  Real rate = -b.person(l).death;
  for (Int k = 0; k < b.lay.pools(); ++k)
    if (b.work.pool_active[k]) rate -= b.lay.clone_kill[k] * b.work.k_cyc(k * b.lay.halves() + j, l);
  const Real full = std::pow(b.work.load(j, l) / b.setting(S_PACKING), static_cast<Real>(b.lay.power_of_load));
  return rate + b.birth(0, l) * std::max(0.0, 1.0 - full);
}

// CAR T-cells over half bin j of the day, and the kill that they add to their pool. Before the peak: steps to the middle,
// then with what is found there. They kill what they live on.
inline void cells_step(Block& b, Int j, Real h) {
  const Layout& lay = b.lay;
  const Wide antigen = with_antigen(b), early = on_precursors(b, 2 * j, 2);
  store(b.work.antigen.row(0), antigen);
  for (int l = 0; l < LANES; ++l) {
    ImmuneState& im = b.flesh.immune[l];
    im.kill = 0.0;
    if (b.lane(l).status == DONE || im.cells_day < 0) continue;
    auto n = [&](int k) { return b.q.acts(im.cells_act * ACT_NUMBERS + k, l); };
    const Int pool = lay.acts[im.cells_act].pool;
    const Real has = b.q.antigen(0, l);
    Real e = im.cells, m = im.memory;
    const Real working = static_cast<Real>(im.works) * n(C_KILL), peak = n(C_PEAK);
    b.work.pool_active[pool] = 1;
    const Real age = static_cast<Real>(b.today[l] - im.cells_day) + static_cast<Real>(j) * h;
    const Real grows = std::clamp(peak - age, 0.0, h), shrinks = h - grows;  // days before and after the peak
    const Real before = e + m;
    auto kill_of = [&](Real copies) { return working * copies / (copies + n(C_HALF)); };
    if (grows > 0.0) {
      const Real step = grows / EXPANSION_STEPS, room = room_midway(b, l, j, h);
      Lymphocytes rivals(b, l);  // as at the last step of the lines
      rivals.after(static_cast<Real>(j % (LINE_SLOTS / 2)) * h);
      Real blasts = has * antigen[l], own = im.b;
      const Real growth = growth_of_blasts(b, l, j);
      for (int k = 0; k < EXPANSION_STEPS; ++k) {
        const Real t = rivals.after(0.5 * step), kill = kill_of(e + m);
        auto grown = [&](Real days, Real copies, Real found) {
          return expansion(e, copies - e, days, found, t, n(C_RATE), n(C_ANTIGEN_HALF), n(C_LYMPHOCYTES), n(C_MOST));
        };
        auto left = [&](Real days, Real by_cells) {
          return blasts * std::exp(days * (growth - by_cells)) +
                 b.q.immune[l].b_body * b_cells_after(b, l, j, own, room, early[l], by_cells, days);
        };
        const Real halfway = grown(0.5 * step, e + m, left(0.25 * step, kill)) + m, later = kill_of(halfway);
        e = grown(step, halfway, left(0.5 * step, 0.5 * (kill + later)));
        blasts *= std::exp(step * (growth - later));
        own = b_cells_after(b, l, j, own, room, early[l], later, step);
        rivals.after(0.5 * step);
      }
    }
    if (peak >= age && peak < age + h) {
      const Real stay = n(C_MEMORY_SHARE) * e;
      e -= stay;
      m += stay;
    }
    if (shrinks > 0.0) {
      e *= std::exp(-shrinks * n(C_CONTRACTION));
      m *= std::exp(-shrinks * n(C_MEMORY_RATE));
    }
    im.kill = (kill_of(before) + 4.0 * kill_of(std::sqrt(before * (e + m))) + kill_of(e + m)) / 6.0;
    const Real of_blasts = im.kill * has;
    b.work.k_cyc(pool * lay.halves() + j, l) += of_blasts;
    b.work.k_rest(pool * lay.halves() + j, l) += of_blasts;
    b.work.k_cns(j, l) += of_blasts * n(C_CNS);
    im.cells = e;
    im.memory = m;
  }
}

// The grades of cytokine release and neurotoxicity, by what is felt of cytokine and what has reached the brain. A death
// from cytokine release is left in `fatal` for the evening.
inline void grades_of_day(Block& b, int l, Int today, Real felt) {
  ImmuneState& im = b.flesh.immune[l];
  const ImmuneNumbers& n = b.q.immune[l];
  const Int crs = grade_of(felt, n.crs_1, n.crs_2, n.crs_3, n.crs_4);
  const Int brain = grade_of(im.brain, n.brain_1, n.brain_2, n.brain_3, n.brain_4);
  if (crs > 0 && im.crs == 0) {
    im.crs_from = today;
    im.crs_worst = 0;
  }
  if (crs == 4 && im.crs_worst < 4 && b.play.chance) {
    im.fatal = b.uniform(l, P_CRS, im.storms) < n.crs_fatal;
    im.storms += 1;
  }
  if (brain > 0 && im.neuro == 0) {
    im.neuro_from = today;
    im.neuro_worst = 0;
  }
  if (crs == 0 && im.crs > 0) b.side_effect(l, 0, im.crs_from, today - 1, im.crs_worst);
  if (brain == 0 && im.neuro > 0) b.side_effect(l, 1, im.neuro_from, today - 1, im.neuro_worst);
  im.crs = crs;
  im.neuro = brain;
  im.crs_worst = std::max(im.crs_worst, crs);
  im.neuro_worst = std::max(im.neuro_worst, brain);
}

// Will the product be ready tomorrow?
inline void manufacture_of_day(Block& b, int l, Int today) {
  ImmuneState& im = b.flesh.immune[l];
  if (im.product == IN_MANUFACTURE && today + 1 >= im.product_day) im.product = im.makes == 1 ? READY : FAILED;
}

// Cytokine, readiness and brain over h days. killed: cells with the antigen, over the capacity; signal: the same, each
// times what its death sets free; k: the faster of their kill rates, so weighted.
inline void cytokine_step(Block& b, int l, Real killed, Real signal, Real k, Real h) {
  ImmuneState& im = b.flesh.immune[l];
  const ImmuneNumbers& n = b.q.immune[l];
  const Real lost = k > 0.0 ? n.priming * k / (k + n.priming_half) : 0.0;
  const Real settled = n.recovery / (n.recovery + lost), before = im.cytokine;
  im.ready = towards(im.ready, settled, n.recovery + lost, 0.5 * h);
  const Real gain = n.release * im.ready * signal / (killed + n.release_half);
  im.cytokine = towards(im.cytokine, n.cytokine_baseline + gain / n.clearance, n.clearance, h);
  im.ready = towards(im.ready, settled, n.recovery + lost, 0.5 * h);
  auto driven = [&](Real cytokine) {
    const Real felt = n.cytokine_baseline + (cytokine - n.cytokine_baseline) / (1.0 + b.flesh.daily(CYTOKINE, l));
    return std::log10(std::max(felt / n.cytokine_baseline, 1.0)) * n.brain_person;
  };
  im.brain = towards(im.brain, 0.5 * (driven(before) + driven(im.cytokine)), n.brain_rate, h);
}

// Is cytokine, or what it does to the brain, above what counts as nothing?
inline bool storms(const Block& b, int l) {
  const ImmuneState& im = b.flesh.immune[l];
  return im.cytokine > 1.01 * b.q.immune[l].cytokine_baseline || im.brain > 0.01;
}

// Those (-1) in whom something of the immune system moves within the day: cells, antibodies that kill, cytokine. In the
// others B cells and antibodies take one step a day.
inline WideInt stirred_today(Block& b) {
  const Work& w = b.work;
  WideInt out = {};
  for (Int j = 0; w.on_living && j < b.lay.halves(); ++j)
    for (const Rows* x : {&w.k_b, &w.released, &w.released_b, &w.freeing, &w.freeing_b}) out |= load_row(*x, j) != 0.0;
  for (int l = 0; l < LANES; ++l) {
    ImmuneState& im = b.flesh.immune[l];
    im.kill = 0.0;
    if (im.cells_day >= 0 || storms(b, l)) out[l] = -1;
    if (b.lane(l).status == DONE) out[l] = 0;
  }
  return out;
}

// B cells, plasma cells, antibodies and readiness after h days, made in a marrow `room` under an effect on the lymphocytes'
// precursors, killed at a rate; `mean` of the B cells.
struct Humoral {
  Wide cells, mean, plasma, igg, rested;
  Humoral(const Block& b, Wide room, Wide on_precursors, Wide kill, Real h) {
    auto has = [&](Real ImmuneState::*x) {
      Wide out;
      for (int l = 0; l < LANES; ++l) out[l] = b.flesh.immune[l].*x;
      return out;
    };
    auto n = [&](Real ImmuneNumbers::*x) { return b.q.immune_row(x); };
    const Wide turnover = n(&ImmuneNumbers::b_turnover);
    const Wide made = turnover * room * (1.0 - n(&ImmuneNumbers::b_share) * on_precursors);
    const Wide rate = turnover + kill;
    const Wide before = has(&ImmuneState::b);
    cells = towards(before, made / rate, rate, h), mean = log_mean(before, cells);
    const Wide alone = n(&ImmuneNumbers::plasma_independent), plasma_before = has(&ImmuneState::plasma);
    plasma = towards(plasma_before, alone + (1.0 - alone) * smaller(mean, 1.0), n(&ImmuneNumbers::plasma_rate), h);
    igg = towards(has(&ImmuneState::igg), n(&ImmuneNumbers::igg_baseline) * 0.5 * (plasma_before + plasma),
                  n(&ImmuneNumbers::igg_rate), h);
    rested = towards(has(&ImmuneState::ready), everywhere(1.0), n(&ImmuneNumbers::recovery), h);
  }
  void keep(ImmuneState& im, int l) const {
    im.b = cells[l];
    im.plasma = plasma[l];
    im.igg = igg[l];
  }
};

// The day of those in whom nothing is stirred; room: the day's mean of normal marrow.
inline void quiet_immunity(Block& b, WideInt stirred, Wide room) {
  const Humoral after(b, room, on_precursors(b, 0, b.lay.slots()), Wide{}, 1.0);
  for (int l = 0; l < LANES; ++l) {
    if (stirred[l] || b.lane(l).status == DONE) continue;
    after.keep(b.flesh.immune[l], l);
    b.flesh.immune[l].ready = after.rested[l];
  }
}

// B cells, antibodies and cytokine over half bin j of the day, in those in whom anything is stirred.
inline void immunity_step(Block& b, Int j, Real h, WideInt stirred) {
  ImmuneState* immune = b.flesh.immune;
  auto n = [&](Real ImmuneNumbers::*x) { return b.q.immune_row(x); };
  Wide kill;
  for (int l = 0; l < LANES; ++l) kill[l] = immune[l].kill;
  const Humoral after(b, load_row(b.work.n, 3), on_precursors(b, 2 * j, 2), load_row(b.work.k_b, j) + kill, h);
  Wide releases = {};
  for (int l = 0; l < LANES; ++l)
    if (immune[l].cells_day >= 0) releases[l] = b.q.acts(immune[l].cells_act * ACT_NUMBERS + C_RELEASES, l);
  const Wide k_blasts = load_row(b.work.released, j) + kill * releases * load_row(b.q.antigen, 0);
  const Wide k_b = load_row(b.work.released_b, j) + kill * releases;
  const Wide body = n(&ImmuneNumbers::b_body) * after.mean, on_blasts = load_row(b.work.freeing, j) + kill * load_row(b.q.antigen, 0);
  Wide killed = (load_row(b.work.freeing_b, j) + kill) * body, signal = k_b * body;
  if (any((k_blasts != 0.0) | (on_blasts != 0.0))) {
    const Wide blasts = log_mean(load_row(b.work.antigen, 0), with_antigen(b));
    killed += on_blasts * blasts;
    signal += k_blasts * blasts;
  }
  for (int l = 0; l < LANES; ++l) {
    if (!stirred[l]) continue;
    ImmuneState& im = immune[l];
    after.keep(im, l);
    if (signal[l] > 0.0 || storms(b, l))
      cytokine_step(b, l, killed[l], signal[l], std::max(k_blasts[l], k_b[l]), h);
    else
      im.ready = after.rested[l];
  }
}

// What is judged once a day: marrow that conditioning has killed, the grades, the product.
inline void immunity_of_day(Block& b) {
  WideInt conditioned{};
  for (Int j = 0; b.work.on_living && j < b.lay.halves(); ++j) conditioned |= load_row(b.work.k_stem, j) > 0.0;
  for (int l = 0; l < LANES; ++l) {
    if (b.lane(l).status == DONE) continue;
    const ImmuneState& im = b.flesh.immune[l];
    const Real baseline = b.q.immune[l].cytokine_baseline;
    if (conditioned[l]) marrow_is_lost(b, l);
    if (im.crs > 0 || im.neuro > 0 || im.cytokine > baseline || im.brain > 0.0)
      grades_of_day(b, l, b.today[l], baseline + (im.cytokine - baseline) / (1.0 + b.flesh.daily(CYTOKINE, l)));
    manufacture_of_day(b, l, b.today[l]);
  }
}

// Write the grades that last to the end.
inline void end_of_living(Block& b, int l, Int today) {
  const ImmuneState& im = b.flesh.immune[l];
  if (im.crs > 0) b.side_effect(l, 0, im.crs_from, today, im.crs_worst);
  if (im.neuro > 0) b.side_effect(l, 1, im.neuro_from, today, im.neuro_worst);
}

}  // namespace remission
