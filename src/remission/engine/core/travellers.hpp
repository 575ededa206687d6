// A patient between two blocks, and all that is taken along.
#pragma once
#include <memory>
#include <tuple>
#include <type_traits>

#include "block.hpp"

namespace remission {

// Numbers and plain records of one lane, written one after the other and read back in the same order.
class Baggage {
 public:
  Notes notes;

  // Everything that the day before leaves to the next: what is made anew each day stays behind. Packs the lane of a block,
  // or unpacks it there.
  void pack(Block& b, int l) {
    number_ = 0;
    bytes_.clear();
    make_room(most_numbers_);
    go<true>(b, l);
    notes = std::move(b.rec.of[l]);
    most_numbers_ = std::max(most_numbers_, number_);
  }
  void unpack(Block& b, int l) {
    number_ = byte_ = 0;
    go<false>(b, l);
    b.rec.of[l] = std::move(notes);
  }
  // Are the responses of an agent with it?
  bool answered(Int agent) const { return answered_[static_cast<std::size_t>(agent)] != 0; }

 private:
  Many<Real> numbers_;
  std::vector<char> bytes_, answered_;
  std::size_t number_ = 0, byte_ = 0;  // the next of each
  static inline thread_local std::size_t most_numbers_ = 0;  // so that memory is asked for once

  void make_room(std::size_t numbers) {
    if (numbers > numbers_.size()) numbers_.resize(std::max(numbers, 2 * numbers_.size()));
  }

  template <bool out>
  void go(Block& b, int l) {
    Place& place = b.place;
    Drugs& d = b.drugs;
    Flesh& f = b.flesh;
    record<out>(b.today[l]);
    record<out>(place.lane[l]);
    record<out>(place.result[l]);
    record<out>(f.immune[l]);
    records<out>(place.slots, l);
    records<out>(place.rules, l);
    records<out>(place.begun, l);
    records<out>(place.cycles, l);
    records<out>(f.sides, l);
    for (Rows* x : {&place.seen, &d.x, &d.z, &d.level, &d.left, &d.rate, &d.late, &d.wait, &d.first, &d.last, &d.quiet_from, &d.was_running, &d.line_weight,
                    &f.line, &f.pool, &f.room, &f.cells, &f.cns, &f.total, &f.asleep, &f.k_blood, &f.mobilised, &f.fever,
                    &f.fever_at, &f.lethal, &f.lethal_at, &f.seeded, &f.seed_at, &f.seeds, &f.rho, &f.daily, &f.field, &f.lost,
                    &f.side_clock, &f.side_due, &f.side_until, &f.mutants, &f.mutant_at, &f.mutants_came, &f.swing, &f.unrest,
                    &b.work.size, &b.work.size_rest})
      rows<out>(*x, l);
    // of the block: more than the patient's own does no harm, it is judged anew tonight
    flags<out>(d.on_board);
    flags<out>(d.running);
    flags<out>(d.delaying);
    flags<out>(d.present);
    responses<out>(b, l);
  }

  template <bool out>
  void responses(Block& b, int l) {
    Drugs& d = b.drugs;
    if constexpr (out) answered_ = d.answered;
    for (Int agent = 0; agent < b.lay.agents(); ++agent) {
      if (!answered(agent)) continue;
      const bool wanted = out || d.answered[agent];
      rows<out>(d.weight[agent], b.lay.weight_from[agent + 1] - b.lay.weight_from[agent], l, wanted);
      rows<out>(d.sink[agent], b.lay.sink_from[agent + 1] - b.lay.sink_from[agent], l, wanted);
      rows<out>(d.quiet[agent], quiet_rows(d, b.lay, agent), l, wanted);
      for (Int i = b.lay.agent_form_from[agent]; i < b.lay.agent_form_from[agent + 1]; ++i) {
        const Int form = b.lay.agent_forms[i], number = b.lay.form_row_from[form + 1] - b.lay.form_row_from[form];
        rows<out>(d.part[form], number, l, wanted);
        rows<out>(d.full[form], number, l, wanted);
      }
    }
  }

  template <bool out>
  void rows(Rows& x, int l) {
    rows<out>(x, x.rows(), l, true);
  }
  template <bool out>
  void rows(Rows& x, Int number, int l, bool wanted) {
    const std::size_t size = static_cast<std::size_t>(number);
    if constexpr (out) {
      make_room(number_ + size);
      for (Int i = 0; i < number; ++i) numbers_[number_ + static_cast<std::size_t>(i)] = x(i, l);
    } else {
      if (wanted)
        for (Int i = 0; i < number; ++i) x(i, l) = numbers_[number_ + static_cast<std::size_t>(i)];
    }
    number_ += size;
  }
  template <bool out, class T>
  void record(T& x) {
    static_assert(std::is_trivially_copyable_v<T>);
    if constexpr (out) {
      const char* from = reinterpret_cast<const char*>(&x);
      bytes_.insert(bytes_.end(), from, from + sizeof x);
    } else {
      std::memcpy(&x, bytes_.data() + byte_, sizeof x);
      byte_ += sizeof x;
    }
  }
  template <bool out, class T>
  void records(std::vector<T>& x, int l) {
    for (std::size_t i = static_cast<std::size_t>(l); i < x.size(); i += LANES) record<out>(x[i]);
  }
  template <bool out, class T>
  void flags(std::vector<T>& x) {
    for (T& flag : x) {
      T carried = flag;
      record<out>(carried);
      flag |= carried;
    }
  }
};

// A patient between two blocks.
struct Traveller {
  Int place = 0;                                       // in the cohort
  Int leg = 0;                                         // relapses so far: who has fewer is played first
  std::tuple<Int, Int, Int> stage{};                   // the phase, its day, days that it still lasts
  std::unique_ptr<Baggage> baggage = nullptr;          // none before the first day
  bool operator<(const Traveller& other) const {
    return std::tie(leg, stage, place) < std::tie(other.leg, other.stage, other.place);
  }
};

}  // namespace remission
