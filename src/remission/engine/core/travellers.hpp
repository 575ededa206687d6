// A patient between two blocks, and all that is taken along.
#pragma once
#include <memory>
#include <tuple>
#include <type_traits>

#include "block.hpp"

namespace remission {

class Baggage;

// Whose baggage is packed or unpacked, and the lane in which they sit.
struct Carried {
  Baggage* baggage;
  int lane;
};
using Party = std::vector<Carried>;

// Numbers and plain records of one patient, written one after the other and read back in the same order.
class Baggage {
 public:
  Notes notes;

  // Everything that the day before leaves to the next: what is made anew each day stays behind. Packs patients of a block,
  // or unpacks them in one that nobody has sat in; several at once, since rows hold their numbers side by side.
  static void pack(Block& b, const Party& who) {
    for (const Carried& one : who) {
      Baggage& bag = *one.baggage;
      bag.number_ = 0;
      bag.make_room(most_numbers_);
      bag.bytes_.clear();
      bag.bytes_.reserve(most_bytes_);
      bag.answered_ = b.drugs.answered;
      bag.notes = std::move(b.rec.of[one.lane]);
    }
    go<true>(b, who);
    for (const Carried& one : who) {
      most_numbers_ = std::max(most_numbers_, one.baggage->number_);
      most_bytes_ = std::max(most_bytes_, one.baggage->bytes_.size());
    }
  }
  static void unpack(Block& b, const Party& who) {
    for (const Carried& one : who) {
      one.baggage->number_ = one.baggage->byte_ = 0;
      b.rec.of[one.lane] = std::move(one.baggage->notes);
    }
    go<false>(b, who);
  }
  // Are the responses of an agent with it?
  bool answered(Int agent) const { return answered_[static_cast<std::size_t>(agent)]; }

 private:
  Many<Real> numbers_;
  std::vector<char> bytes_;
  Marks answered_;
  std::size_t number_ = 0, byte_ = 0;  // the next of each
  static inline thread_local std::size_t most_numbers_ = 0, most_bytes_ = 0;  // so that memory is asked for once

  void make_room(std::size_t numbers) {
    if (numbers > numbers_.size()) numbers_.resize(std::max(numbers, 2 * numbers_.size()));
  }

  template <bool out>
  static void go(Block& b, const Party& who) {
    Place& place = b.place;
    Drugs& d = b.drugs;
    Flesh& f = b.flesh;
    for (const Carried& one : who) one.baggage->records<out>(b, one.lane);
    for (Rows* x : {&place.seen, &d.x, &d.z, &d.level, &d.left, &d.rate, &d.late, &d.wait, &d.first, &d.last, &d.quiet_from,
                    &d.was_running, &d.line_weight, &f.line, &f.pool, &f.room, &f.cells, &f.cns, &f.total, &f.asleep, &f.k_blood, &f.mobilised, &f.fever,
                    &f.fever_at, &f.lethal, &f.lethal_at, &f.seeded, &f.seed_at, &f.seeds, &f.faster, &f.rests, &f.rho, &f.field, &f.lost,
                    &f.side_clock, &f.side_due, &f.side_until, &f.mutants, &f.mutant_at, &f.mutants_came, &f.swing, &f.unrest,
                    &b.work.size, &b.work.size_rest})
      rows<out>(*x, x->rows(), who);
    for (Int agent = 0; agent < b.lay.agents(); ++agent) {
      Party have;
      for (const Carried& one : who)
        if (one.baggage->answered(agent)) have.push_back(one);
      if (!have.empty()) responses<out>(b, agent, have);
    }
  }

  template <bool out>
  void records(Block& b, int l) {
    Place& place = b.place;
    Drugs& d = b.drugs;
    record<out>(b.today[l]);
    record<out>(place.lane[l]);
    record<out>(place.result[l]);
    record<out>(b.flesh.immune[l]);
    changed<out>(place.slots, l);
    changed<out>(place.rules, l);
    each<out>(place.begun, l);
    each<out>(place.cycles, l);
    each<out>(b.flesh.sides, l);
    // of the block: more than the patient's own does no harm, it is judged anew tonight
    flags<out>(d.on_board);
    flags<out>(d.running);
    flags<out>(d.delaying);
    flags<out>(d.present);
  }

  template <bool out>
  static void responses(Block& b, Int agent, const Party& who) {
    Drugs& d = b.drugs;
    const bool wanted = out || d.answered[agent];
    rows<out>(d.weight[agent], b.lay.weight_from[agent + 1] - b.lay.weight_from[agent], who, wanted);
    rows<out>(d.sink[agent], sink_rows(b.lay, agent), who, wanted);
    rows<out>(d.quiet[agent], quiet_rows(d, b.lay, agent), who, wanted);
    for (Int i = b.lay.agent_form_from[agent]; i < b.lay.agent_form_from[agent + 1]; ++i) {
      const Int form = b.lay.agent_forms[i], number = flow_rows(b.t, b.lay, form);
      rows<out>(d.part[form], number, who, wanted);
      rows<out>(d.full[form], number, who, wanted);
    }
  }

  template <bool out>
  static void rows(Rows& x, Int number, const Party& who, bool wanted = true) {
    Real* at[LANES] = {};
    for (std::size_t k = 0; k < who.size(); ++k) {
      Baggage& bag = *who[k].baggage;
      if constexpr (out) bag.make_room(bag.number_ + static_cast<std::size_t>(number));
      at[k] = bag.numbers_.data() + bag.number_;
      bag.number_ += static_cast<std::size_t>(number);
    }
    for (Int i = 0; wanted && i < number; ++i) {
      Real* row = x.row(i);
      for (std::size_t k = 0; k < who.size(); ++k)
        if constexpr (out)
          at[k][i] = row[who[k].lane];
        else
          row[who[k].lane] = at[k][i];
    }
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
  void each(std::vector<T>& x, int l) {
    for (std::size_t i = static_cast<std::size_t>(l); i < x.size(); i += LANES) record<out>(x[i]);
  }
  // Those that are not as they are at first, with their places: of all lines of treatment a patient has come to few.
  template <bool out, class T>
  void changed(std::vector<T>& x, int l) {
    static_assert(std::has_unique_object_representations_v<T> || std::is_same_v<T, SlotState>);
    const T at_first{};
    std::size_t end = x.size();
    for (std::size_t i = static_cast<std::size_t>(l); out && i < x.size(); i += LANES)
      if (std::memcmp(&x[i], &at_first, sizeof(T)) != 0) {
        record<out>(i);
        record<out>(x[i]);
      }
    if constexpr (out) return record<out>(end);
    for (std::size_t i = 0; record<out>(i), i < x.size();) record<out>(x[i - i % LANES + static_cast<std::size_t>(l)]);
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
