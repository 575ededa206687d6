// What Python sees of the core: one call that plays a cohort, the records it reads, and the equations for tests.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "kernel.hpp"
#include "layout_check.hpp"
#include "sorted_records.hpp"

namespace nb = nanobind;
using namespace remission;

namespace {

// One array of a named tuple, held while it is read.
class Buffer {
 public:
  Buffer(nb::handle owner, const char* name, std::size_t item, const std::string& wanted) {
    nb::object array = owner.attr(name);
    if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
      PyErr_Clear();
      throw nb::type_error((std::string(name) + " is no contiguous array of numbers").c_str());
    }
    held_ = true;
    const std::string found = buffer_.format ? buffer_.format : "";
    if (static_cast<std::size_t>(buffer_.itemsize) != item || canonical(found) != wanted)
      throw nb::type_error(("the array " + std::string(name) + " holds " + found + ", not " + wanted).c_str());
  }
  Buffer(Buffer&& other) noexcept : buffer_(other.buffer_), held_(std::exchange(other.held_, false)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (held_) PyBuffer_Release(&buffer_);
  }
  const void* data() const { return buffer_.buf; }
  Int size() const { return static_cast<Int>(buffer_.len / buffer_.itemsize); }
  Int columns() const { return buffer_.ndim > 1 ? static_cast<Int>(buffer_.shape[buffer_.ndim - 1]) : 0; }

 private:
  Py_buffer buffer_;
  bool held_ = false;

  static std::string canonical(const std::string& found) {  // 8-byte integers are l or q
    std::string out;
    bool name = false;
    for (char letter : found) {
      if (letter == ':') name = !name;
      if (!name && (letter == '=' || letter == '<' || letter == '@')) continue;
      out += !name && letter == 'l' ? 'q' : letter;
    }
    return out;
  }
};

template <class T>
std::string format_of() {
  if constexpr (std::is_same_v<T, Int>) {
    return "q";
  } else if constexpr (std::is_same_v<T, Real>) {
    return "d";
  } else if constexpr (std::is_same_v<T, bool>) {
    return "?";
  } else {
    std::string out = "T{";
    for (const FieldName& field : T::names) out += std::string(field.real ? "d:" : "q:") + field.name + ":";
    return out + "}";
  }
}

// What says where something lies is copied: nobody changes it once it has been checked. It is small.
class Copied {
 public:
  template <class T>
  View<T> view(nb::handle owner, const char* name, Int* columns = nullptr) {
    const Buffer buffer(owner, name, sizeof(T), format_of<T>());
    const Int size = buffer.size();
    auto kept = std::make_shared<std::vector<Stored<T>>>(static_cast<std::size_t>(size));
    const auto* from = static_cast<const Stored<T>*>(buffer.data());
    for (Int i = 0; i < size; ++i) (*kept)[i] = from[i];
    if constexpr (std::is_same_v<T, bool>)
      for (Stored<T>& x : *kept) x = x != 0;
    if (columns) *columns = buffer.columns();
    kept_.push_back(kept);
    return {reinterpret_cast<const T*>(kept->data()), size};
  }

 private:
  template <class T>
  using Stored = std::conditional_t<std::is_same_v<T, bool>, unsigned char, T>;
  std::vector<std::shared_ptr<void>> kept_;
};

// The numbers of patients, read where Python has them.
class Held {
 public:
  template <class T>
  View<T> view(nb::handle owner, const char* name) {
    const Buffer& buffer = buffers_.emplace_back(owner, name, sizeof(T), format_of<T>());
    return {static_cast<const T*>(buffer.data()), buffer.size()};
  }

 private:
  std::vector<Buffer> buffers_;
};

Tables tables_of(Copied& kept, nb::handle from) {
  Tables t;
#define TAKE_TABLE(Type, name) t.name = kept.view<Type>(from, #name);
  TABLES_FIELDS(TAKE_TABLE)
  t.ages = kept.view<Age>(from, "ages", &t.age_rows);
  return t;
}

Int whole_number(const nb::object& x, const char* name) {
  Int out = 0;
  if (!nb::try_cast<Int>(x, out)) throw nb::type_error((std::string(name) + " is no whole number").c_str());
  return out;
}

Layout layout_of(Copied& kept, nb::handle from) {
  Layout lay;
#define TAKE_LAYOUT(Type, name) lay.name = kept.view<Type>(from, #name);
#define TAKE_NUMBER(name) lay.name = whole_number(from.attr(#name), #name);
  LAYOUT_FIELDS(TAKE_LAYOUT)
  LAYOUT_NUMBERS(TAKE_NUMBER)
  return lay;
}

Columns columns_of(Copied& kept, Held& held, nb::handle from) {
  Columns c;
  c.person = kept.view<Person>(from, "person");  // says where records go
  c.immune = held.view<ImmuneNumbers>(from, "immune");
  c.patients = c.person.size;
#define TAKE_COLUMN(name) c.name = held.view<Real>(from, #name);
  LANES_FIELDS(TAKE_COLUMN)
  return c;
}

using Array = nb::ndarray<nb::numpy, Real, nb::ndim<2>>;
using Column = nb::ndarray<nb::numpy, Real, nb::ndim<1>>;

Array array_of(std::vector<Real>&& values, std::size_t width) {
  auto* kept = new std::vector<Real>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Real>*>(p); });
  return Array(kept->data(), {kept->size() / width, width}, owner);
}

// The columns of a table, each with its own memory.
nb::list arrays_of(Table&& table) {
  nb::list out;
  for (std::unique_ptr<Real[]>& column : table.columns) {
    Real* values = column.release();
    nb::capsule owner(values, [](void* p) noexcept { delete[] static_cast<Real*>(p); });
    out.append(Column(values, {table.rows}, owner));
  }
  return out;
}

using Orders = std::vector<std::tuple<int, int, std::vector<Int>>>;

std::vector<RowOrder> orders_of(const Orders& given) {
  if (given.size() != RecordTable_COUNT) throw nb::value_error("an order for every table of records is needed");
  std::vector<RowOrder> out;
  for (const auto& [day, word, rank] : given) {
    const int width = Notes::width[out.size()];
    // the first column, the patient's number, is not written
    if (day < 1 || day >= width || word == 0 || word >= width) throw nb::value_error("a table has no such column to sort by");
    out.push_back({day, word, rank});
  }
  return out;
}

constexpr int MOST_THREADS = 1024;

// Threads that do something with every number below a count, round after round, the calling one among them: what a thread
// has on its shelf serves the next round. The first error ends a round and is thrown.
class Crew {
 public:
  explicit Crew(int threads) : most_(std::min(threads, MOST_THREADS)) {}
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() {
    {
      std::lock_guard<std::mutex> lock(guard_);
      ended_ = true;
    }
    begins_.notify_all();
    for (std::thread& thread : others_) thread.join();
  }

  template <class Work>
  void each(Int count, Work work) {
    work_ = [&](Int i) { work(i); };
    count_ = count;
    next_ = 0;
    try {
      while (1 + static_cast<Int>(others_.size()) < std::min<Int>(most_, count)) others_.emplace_back([this, round = round_] { serve(round); });
    } catch (const std::system_error&) {  // the machine gives no more: those that there are do it
    }
    if (count > 1) {
      std::lock_guard<std::mutex> lock(guard_);
      busy_ = others_.size();
      ++round_;
    }
    begins_.notify_all();
    some();
    std::unique_lock<std::mutex> lock(guard_);
    ends_.wait(lock, [this] { return busy_ == 0; });
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  void some() {
    try {
      for (Int i = next_++; i < count_; i = next_++) work_(i);
    } catch (...) {
      std::lock_guard<std::mutex> lock(guard_);
      failure_ = std::current_exception();
      next_ = count_;
    }
  }
  void serve(Int seen) {
    for (;; ++seen) {
      {
        std::unique_lock<std::mutex> lock(guard_);
        begins_.wait(lock, [&] { return ended_ || round_ > seen; });
        if (ended_) return;
      }
      some();
      std::lock_guard<std::mutex> lock(guard_);
      if (--busy_ == 0) ends_.notify_one();
    }
  }

  const int most_;
  std::vector<std::thread> others_;
  std::function<void(Int)> work_;
  Int count_ = 0, round_ = 0;
  std::atomic<Int> next_{0};
  std::size_t busy_ = 0;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::mutex guard_;
  std::condition_variable begins_, ends_;
};

// Play everybody of a cohort to the end, in the company that suits (company.hpp): those first who have had fewer relapses.
// `ended` takes a block, the lane and the place in the cohort.
template <class Ended>
void play_all(const Tables& t, const Layout& lay, const Play& play, const Columns& all, int threads,
              std::vector<Real>& spent, Ended ended) {
  Crew crew(threads);
  std::mutex guard;
  std::vector<Traveller> waiting, left;
  for (Int place = 0; place < all.patients; ++place)
    if (all.person[place].real == 1) waiting.push_back({place});
  while (!waiting.empty()) {
    const Int leg = std::min_element(waiting.begin(), waiting.end())->leg;
    const auto later = std::partition(waiting.begin(), waiting.end(), [&](const Traveller& x) { return x.leg == leg; });
    left.assign(std::make_move_iterator(later), std::make_move_iterator(waiting.end()));
    waiting.erase(later, waiting.end());
    std::sort(waiting.begin(), waiting.end());
    const Int number = static_cast<Int>(waiting.size());
    crew.each((number + LANES - 1) / LANES, [&](Int i) {
      Traveller* who = waiting.data() + i * LANES;
      const int seats = static_cast<int>(std::min<Int>(LANES, number - i * LANES));
      Int places[LANES];
      for (int l = 0; l < LANES; ++l) places[l] = l < seats ? who[l].place : -1;
      const auto b = std::make_unique<Block>(t, lay, play, all, places);
      play_block(
          *b, who, seats, number > LANES, [&](int l) { ended(*b, l, who[l].place); },
          [&](Traveller&& traveller) {
            std::lock_guard<std::mutex> lock(guard);
            left.push_back(std::move(traveller));
          });
      std::lock_guard<std::mutex> lock(guard);
      for (std::size_t s = 0; s < spent.size(); ++s) spent[s] += b->spent[s];
    });
    waiting = std::exchange(left, {});
  }
}

// What the blocks of a large cohort have freed is the system's again: else each thread keeps what it once had.
void give_back([[maybe_unused]] Int patients) {
  Shelf::clear();
#ifdef __GLIBC__
  if (patients >= 4 * LANES) malloc_trim(0);
#endif
}

// Play all blocks of a cohort on `threads` threads, `keep` the tables of records that are asked for, bit by bit: (results
// by lane, tables of records as columns, sorted by patient and by `order`: for each table the column of the day, that of
// a word or -1, and the ranks of the words; seconds in each step of the day, of all threads together).
nb::tuple play_cohort(nb::handle tables, nb::handle layout, nb::handle lanes, Int treatment_days, Int follow_up_days,
                      bool play_chance, std::uint32_t keep, std::uint64_t seed, int threads,
                      const Orders& order, bool timings, Int daily_until) {
  Copied kept;
  Held held;
  const Tables t = tables_of(kept, tables);
  const Layout lay = layout_of(kept, layout);
  Columns all = columns_of(kept, held, lanes);
  const Play play{.treatment_days = treatment_days, .follow_up_days = follow_up_days, .chance = play_chance, .keep = keep,
                  .seed = seed, .timings = timings, .daily_until = daily_until};
  LayoutCheck(t, lay, all, play).run();
  std::vector<Real> spent(steps_of_day().size());
  const std::vector<RowOrder> orders = orders_of(order);
  std::vector<Real> results(static_cast<std::size_t>(all.patients) * RESULT_COLUMNS, NEVER_MEASURED);
  std::vector<Notes> notes;
  Table sorted[RecordTable_COUNT];
  {
    nb::gil_scoped_release release;
    all.compare();
    notes.resize(static_cast<std::size_t>(all.patients));
    play_all(t, lay, play, all, threads, spent, [&](Block& b, int l, Int place) {
      std::copy_n(b.place.result[l], RESULT_COLUMNS, results.data() + place * RESULT_COLUMNS);
      notes[place] = std::move(b.rec.of[l]);
    });
    give_back(all.patients);
    const std::vector<std::size_t> by = by_number(all.person);
    std::vector<std::size_t> begin;
    Crew crew(threads);
    for (int table = 0; table < RecordTable_COUNT; ++table) {
      sorted[table] = room_for(notes.data(), table, by, begin);
      crew.each(all.patients / LANES, [&](Int i) {
        for (Int place = i * LANES; place < (i + 1) * LANES; ++place) {
          put(notes[place].rows[table], orders[table], sorted[table], begin[place], all.person[place].patient);
          notes[place].rows[table] = {};
        }
      });
    }
    give_back(all.patients);
  }
  nb::list out;
  for (Table& table : sorted) out.append(arrays_of(std::move(table)));
  return nb::make_tuple(array_of(std::move(results), RESULT_COLUMNS), out, spent);
}

// --- one block, day by day, for verification: the clinic is the core's, the body may be somebody else's

class OneBlock {
 public:
  OneBlock(nb::handle tables, nb::handle layout, nb::handle lanes, Int follow_up_days, bool play_chance,
           std::uint64_t seed)
      : t_(tables_of(kept_, tables)), lay_(layout_of(kept_, layout)),
        play_{.treatment_days = follow_up_days, .follow_up_days = follow_up_days, .chance = play_chance, .seed = seed} {
    Held held;
    Copied people;
    const Columns all = columns_of(people, held, lanes);
    LayoutCheck(t_, lay_, all, play_).run();
    if (all.patients != LANES) throw nb::value_error("a block is made of LANES patients");
    Int places[LANES];
    std::iota(places, places + LANES, Int{0});
    block_ = std::make_unique<Block>(t_, lay_, play_, all, places);
    prepare_block(*block_);
  }
  Block& block() { return *block_; }
  int lane(Int lane) const { return static_cast<int>(one_of("lane", lane, LANES)); }
  Int agent(Int agent) const { return one_of("agent", agent, lay_.agents()); }
  Int day(Int today) const { return one_of("today", today, MOST_PLAYED_DAYS); }
  static Int one_of(const char* name, Int x, Int size) {
    if (x < 0 || x >= size)
      throw nb::value_error((std::string(name) + " is " + std::to_string(x) + "; it must lie in 0.." + std::to_string(size - 1)).c_str());
    return x;
  }

 private:
  Copied kept_;
  Tables t_;
  Layout lay_;
  Play play_;
  std::unique_ptr<Block> block_;
};

using Plane = nb::ndarray<nb::numpy, Real, nb::ndim<2>>;
using Flags = nb::ndarray<nb::numpy, bool, nb::ndim<1>>;

Plane plane(Rows& rows, nb::handle owner) {
  return Plane(rows.v.data(), {static_cast<std::size_t>(rows.rows()), std::size_t{LANES}}, owner);
}
Flags flags(Marks& values, nb::handle owner) {
  return Flags(reinterpret_cast<bool*>(values.data()), {values.size()}, owner);
}

void bind_block(nb::module_& m) {
  auto c = nb::class_<OneBlock>(m, "Block", "One block of patients, played step by step (verification).");
  c.def(nb::init<nb::handle, nb::handle, nb::handle, Int, bool, std::uint64_t>(), nb::arg("tables"), nb::arg("layout"),
        nb::arg("lanes"), nb::kw_only(), nb::arg("follow_up_days"), nb::arg("chance"), nb::arg("seed"));
  c.def("morning", [](OneBlock& b, Int lane, Int today) {
    const Int status = b.block().lane(b.lane(lane)).status;
    if (status != WAITING && status != TREATING)
      throw nb::value_error(("patient " + std::to_string(lane) + " is not treated any more").c_str());
    morning_of(b.block(), b.lane(lane), b.day(today));
  });
  c.def("rescue_doses", [](OneBlock& b, Int agent, Int today) { rescues_of(b.block(), b.agent(agent), b.day(today)); });
  c.def("kinetics", [](OneBlock& b, Int today) { kinetics_of(b.block(), b.day(today)); });
  c.def("evening", [](OneBlock& b, Int lane, Int today) { evening_of(b.block(), b.lane(lane), b.day(today)); });
  c.def("acts", [](OneBlock& b, Int today) { acts_of(b.block(), b.day(today)); });
  c.def("infusions", [](OneBlock& b, Int lane) { return b.block().flesh.immune[b.lane(lane)].infusions; });
  c.def("living", [](OneBlock& b, Int lane, Int today, const std::vector<Real>& y, Real felt, Real host, bool grafted) {
    if (y.size() != 8) throw nb::value_error("eight states of the immune system are needed");
    ImmuneState& im = b.block().flesh.immune[b.lane(lane)];
    std::tie(im.cells, im.memory, im.b, im.plasma, im.igg, im.cytokine, im.ready, im.brain) =
        std::tie(y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7]);
    im.host = host;
    im.grafted = grafted;
    living_of(b.block(), b.lane(lane), b.day(today), felt);
  });
  c.def("close_runs", [](OneBlock& b, Int lane) { close_runs_of(b.block(), b.lane(lane)); });
  c.def("status", [](OneBlock& b, Int lane) { return Int{b.block().lane(b.lane(lane)).status}; });
  c.def("relapses", [](OneBlock& b, Int lane) { return b.block().lane(b.lane(lane)).relapses; });
  c.def("rescues_due", [](OneBlock& b, Int lane) {
    std::vector<Int> due;
    for (Int r = 0; r < b.block().t.rules.size; ++r) due.push_back(b.block().place.rule(r, b.lane(lane)).rescue_next);
    return due;
  });
  c.def("records", [](OneBlock& b, const Orders& order) {
    const std::vector<RowOrder> orders = orders_of(order);
    const View<Person> person{b.block().q.person, LANES};
    nb::list out;
    for (int table = 0; table < RecordTable_COUNT; ++table) {
      std::vector<std::size_t> begin;
      const Notes* notes = b.block().rec.of;
      Table sorted = room_for(notes, table, by_number(person), begin);
      for (int l = 0; l < LANES; ++l) put(notes[l].rows[table], orders[table], sorted, begin[l], person[l].patient);
      out.append(arrays_of(std::move(sorted)));
    }
    return out;
  });
  c.def("results", [](OneBlock& b) {
    const Real* first = &b.block().place.result[0][0];
    return array_of(std::vector<Real>(first, first + LANES * RESULT_COLUMNS), RESULT_COLUMNS);
  });
#define VIEW(name, rows) \
  c.def_prop_ro(#name, [](nb::handle self) { return plane(nb::cast<OneBlock&>(self).block().rows, self); })
#define FLAGS(name, values) \
  c.def_prop_ro(#name, [](nb::handle self) { return flags(nb::cast<OneBlock&>(self).block().values, self); })
  VIEW(line, flesh.line);
  VIEW(pool, flesh.pool);
  VIEW(room, flesh.room);
  VIEW(cells, flesh.cells);
  VIEW(cns, flesh.cns);
  VIEW(total, flesh.total);
  VIEW(k_blood, flesh.k_blood);
  VIEW(mobilised, flesh.mobilised);
  VIEW(x, drugs.x);
  VIEW(watch, drugs.watch);
  VIEW(level, drugs.level);
  VIEW(amount, drugs.amount);
  VIEW(left, drugs.left);
  FLAGS(used, drugs.used);
  FLAGS(on_board, drugs.on_board);
}

// --- equations, for tests and for drawing patients

using Numbers = nb::ndarray<nb::numpy, Real, nb::ndim<1>, nb::c_contig>;
using Whole = nb::ndarray<nb::numpy, const Int, nb::ndim<1>, nb::c_contig>;

template <class Draw>
Numbers drawn(const Whole& patients, const Whole& index, Draw draw) {
  if (patients.size() != index.size()) throw nb::value_error("as many indices as patients are needed");
  auto* out = new std::vector<Real>(patients.size());
  nb::capsule owner(out, [](void* p) noexcept { delete static_cast<std::vector<Real>*>(p); });
  for (std::size_t i = 0; i < patients.size(); ++i) (*out)[i] = draw(patients.data()[i], index.data()[i]);
  return Numbers(out->data(), {out->size()}, owner);
}

void bind_chance(nb::module_& m) {
  m.def("purpose", [](const std::string& name) { return chance::purpose(name); });
  m.def("philox", [](std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, std::uint32_t k0,
                     std::uint32_t k1) {
    const chance::Words w = chance::philox({c0, c1, c2, c3}, k0, k1);
    return std::make_tuple(w.c0, w.c1, w.c2, w.c3);
  });
  m.attr("EXACT_BELOW") = chance::EXACT_BELOW;
  m.def("normal_quantile", &chance::normal_quantile);
  m.def("uniform", &chance::uniform);
  m.def("normal", &chance::normal);
  m.def("exponential", &chance::exponential);
  m.def("poisson_quantile", &chance::poisson_quantile);
  m.def("poisson", &chance::poisson);
  m.def("binomial_quantile", &chance::binomial_quantile);
  m.def("binomial", &chance::binomial);
  m.def("negative_binomial_births", &chance::negative_binomial_births);
  m.def("birth_death", &chance::birth_death);
  m.def("few_cells", [](Real c, Real q, Real birth, Real death, Real to_rest, Real wake, Real kill_cycling,
                        Real kill_resting, Real days, std::uint64_t seed, Int patient, std::uint32_t purpose, Int index) {
    return few_cells(c, q, birth, death, to_rest, wake, exchanged(to_rest, wake, 0.5 * days), kill_cycling, kill_resting,
                     days, seed, patient, purpose, index);
  });
  m.def("whole", &whole);
  m.def("uniforms", [](std::uint64_t seed, const Whole& patients, std::uint32_t purpose, const Whole& index) {
    return drawn(patients, index, [&](Int p, Int i) { return chance::uniform(seed, p, purpose, i); });
  });
  m.def("normals", [](std::uint64_t seed, const Whole& patients, std::uint32_t purpose, const Whole& index) {
    return drawn(patients, index, [&](Int p, Int i) { return chance::normal(seed, p, purpose, i); });
  });
}

// `rows` rows of LANES from row `first` on, or an error.
Real* rows_of(const Numbers& x, Int first, Int rows) {
  if (first < 0 || static_cast<Int>(x.size()) < (first + rows) * LANES) throw nb::value_error("the array is too short");
  return x.data() + first * LANES;
}

void bind_equations(nb::module_& m) {
  m.def("exp_small", &exp_small<Real>);
  m.def("exp_wide", &exp_wide<Real>);
  m.def("log_wide", &log_wide<Real>);
  m.def("near_power", &near_power<Real>);
  m.def("integrals", [](const nb::ndarray<nb::numpy, const Real, nb::ndim<3>, nb::c_contig>& a, Real t) {
    const int n = static_cast<int>(a.shape(0));
    if (a.shape(1) != a.shape(0) || a.shape(2) != LANES) throw nb::value_error("(n, n, LANES) is needed");
    Matrices matrices(n);
    std::copy_n(a.data(), matrices.v.size(), matrices.v.data());
    Integrals all(matrices);
    all.fill(t);
    auto out = [n](const Matrices& x) {
      auto* kept = new std::vector<Real>(x.v.begin(), x.v.end());
      nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Real>*>(p); });
      const std::size_t k = static_cast<std::size_t>(n);
      return nb::cast(nb::ndarray<nb::numpy, Real, nb::ndim<3>>(kept->data(), {k, k, std::size_t{LANES}}, owner));
    };
    return nb::make_tuple(out(all.phi), out(all.m), out(all.nn));
  });
  m.def("preexisting", &preexisting);
  m.def("line_weights", [](const Numbers& transit, const Numbers& gain, const Numbers& loss, Real h, const Numbers& out) {
    line_weights(rows_of(transit, 0, 1), rows_of(gain, 0, 1), rows_of(loss, 0, 1), h, rows_of(out, 0, WEIGHT_ROWS));
  });
  m.def("life_span_weights", [](const Numbers& ageing, Real h, const Numbers& out) {
    life_span_weights(rows_of(ageing, 0, 1), h, rows_of(out, 0, WEIGHT_ROWS));
  });
  auto alone = [](const Numbers& effect) { return Effects{rows_of(effect, 0, LINE_SLOTS), false, false, {}}; };
  m.def("power_chain", [alone](const Numbers& s, const Numbers& w, const Numbers& effect, const Numbers& room,
                          const Numbers& rate, const Numbers& gamma, Real h) {
    power_chain(rows_of(s, 0, STATE_ROWS), rows_of(w, 0, WEIGHT_ROWS), alone(effect),
                rows_of(room, 0, 1), rows_of(room, 1, 1), rows_of(room, 2, 1), rows_of(rate, 0, 1),
                rows_of(gamma, 0, 1), h);
  });
  m.def("saturating_chain", [alone](const Numbers& s, const Numbers& w, const Numbers& effect, const Numbers& room,
                               const Numbers& half, const Numbers& growth, const Numbers& transit, Real h) {
    saturating_chain(rows_of(s, 0, STATE_ROWS), rows_of(w, 0, WEIGHT_ROWS), alone(effect),
                     rows_of(room, 0, 1), rows_of(room, 1, 1), rows_of(room, 2, 1), rows_of(half, 0, 1),
                     rows_of(growth, 0, 1), rows_of(transit, 0, 1), h);
  });
  m.def("red_cell_chain", [alone](const Numbers& s, const Numbers& w, const Numbers& effect, const Numbers& room,
                             const Numbers& renewal, const Numbers& gamma, const Numbers& feedback,
                             const Numbers& transit, const Numbers& ageing, Real h) {
    red_cell_chain(rows_of(s, 0, STATE_ROWS), rows_of(w, 0, WEIGHT_ROWS), alone(effect),
                   rows_of(room, 0, 1), rows_of(room, 1, 1), rows_of(room, 2, 1),
                   {rows_of(renewal, 0, 1), rows_of(gamma, 0, 1), rows_of(feedback, 0, 1), rows_of(transit, 0, 1),
                    rows_of(ageing, 0, 1)},
                   h);
  });
  m.def("normal_marrow", [](const Numbers& n, const Numbers& load, const Numbers& rho, const Numbers& omega,
                            const Numbers& kill, Real h, const Numbers& out) {
    normal_marrow(rows_of(n, 0, 1), rows_of(load, 0, 1), rows_of(load, 1, 1), rows_of(load, 2, 1), rows_of(rho, 0, 1),
                  rows_of(omega, 0, 1), rows_of(kill, 0, 1), h, rows_of(out, 0, 1), rows_of(out, 1, 1));
  });
  m.def("clone_step", [](const Numbers& cells, const Numbers& crowding, const Numbers& birth, const Numbers& death,
                         const Numbers& to_rest, const Numbers& wake, const Numbers& kill_cycling,
                         const Numbers& kill_resting, Real h) {
    auto row = [](const Numbers& x) { return load(rows_of(x, 0, 1)); };
    clone_step(rows_of(cells, 0, 1), rows_of(cells, 1, 1), row(crowding), row(birth), row(death), row(to_rest), row(wake),
               row(kill_cycling), row(kill_resting), h);
  });
  const Equations of_kernel = equations();
  m.def("towards", of_kernel.towards);
  m.def("expansion", of_kernel.expansion);
  m.def("log_mean", of_kernel.log_mean);
  m.def("grade_of", of_kernel.grade_of);
  m.def("incomplete_repair", of_kernel.incomplete_repair);
  m.def("survival", of_kernel.survival);
}

// --- words and records, defined in words.hpp and tables.hpp

void bind_words(nb::module_& m) {
#define BIND_LIST(Type, LIST)                                          \
  {                                                                    \
    nb::list texts;                                                    \
    for (const Word& word : Type##_WORDS) {                            \
      m.attr(word.name) = word.value;                                  \
      texts.append(word.text);                                         \
    }                                                                  \
    m.attr(#Type) = nb::tuple(texts);                                  \
  }
  REMISSION_EACH_LIST(BIND_LIST)
  for (auto [name, value] : {std::pair{"COUNTS", COUNTS}, {"MARROW_MRD", MARROW_MRD}, {"BLOOD_MRD", BLOOD_MRD},
                             {"MARROW_BLASTS", MARROW_BLASTS}, {"BLOOD_BLASTS", BLOOD_BLASTS}, {"RESPONSE", RESPONSE}, {"TIME_POINT", TIME_POINT}})
    m.attr(name) = static_cast<Int>(value);
  nb::list steps;
  for (const char* name : steps_of_day()) steps.append(name);
  m.attr("DAY") = nb::tuple(steps);
  m.attr("STEPS") = STEPS;
  m.attr("MAX_DEPTH") = MAX_DEPTH;
  m.attr("SLOTS_PER_BIN") = SLOTS_PER_BIN;
  m.attr("LINE_SLOTS") = LINE_SLOTS;
  nb::list sharp;
  for (int end : SHARP) sharp.append(end);
  m.attr("SHARP") = nb::tuple(sharp);
  m.attr("GAUSS") = nb::make_tuple(GAUSS[0], GAUSS[1]);
  m.attr("FEW") = FEW;
  m.attr("LEAST_GROWTH") = LEAST_GROWTH;
  m.attr("STATE_ROWS") = STATE_ROWS;
  m.attr("WEIGHT_ROWS") = WEIGHT_ROWS;
  m.attr("MAX_FEEDBACK") = MAX_FEEDBACK;
  m.attr("FLOOR") = FLOOR;
  m.attr("GAP_HOURS") = equations().gap_hours;
  m.attr("AFTER_DAYS") = AFTER_DAYS;
  m.attr("SIZES") = SIZES;
  m.attr("SIZE_DAYS") = SIZE_DAYS;
}

template <class T>
void bind_record(nb::dict& all) {
  nb::list fields;
  for (const FieldName& field : T::names) fields.append(nb::make_tuple(field.name, field.real ? "f8" : "i8"));
  all[T::type] = fields;
}

// Names and numpy types of the fields of each record.
nb::dict records() {
  nb::dict all;
  bind_record<Phase>(all);
  bind_record<DayOfPhase>(all);
  bind_record<Decide>(all);
  bind_record<Until>(all);
  bind_record<Span>(all);
  bind_record<Term>(all);
  bind_record<Order>(all);
  bind_record<Age>(all);
  bind_record<Slot>(all);
  bind_record<Rule>(all);
  bind_record<Form>(all);
  bind_record<Shape>(all);
  bind_record<Segment>(all);
  bind_record<Act>(all);
  bind_record<Cause>(all);
  bind_record<Person>(all);
  bind_record<ImmuneNumbers>(all);
  return all;
}

// Names of the arrays that the core takes from Python.
nb::dict arrays() {
  nb::dict all;
#define NAME_FIELD(Type, name) fields.append(#name);
#define NAME_NUMBER(name) fields.append(#name);
#define NAME_ALL(key, LIST)   \
  {                           \
    nb::list fields;          \
    LIST                      \
    all[key] = fields;        \
  }
  NAME_ALL("Tables", TABLES_FIELDS(NAME_FIELD))
  NAME_ALL("Layout", LAYOUT_FIELDS(NAME_FIELD) LAYOUT_NUMBERS(NAME_NUMBER))
  NAME_ALL("Lanes", LANES_FIELDS(NAME_NUMBER) fields.append("person"); fields.append("immune");)
  return all;
}

}  // namespace

#ifndef REMISSION_MODULE
#define REMISSION_MODULE _core_native
#endif

NB_MODULE(REMISSION_MODULE, m) {
  m.doc() = "The compiled core of remission: plays blocks of patients through a program.";
  m.attr("LANES") = LANES;
  m.def("play", &play_cohort, nb::arg("tables"), nb::arg("layout"), nb::arg("lanes"), nb::kw_only(),
        nb::arg("treatment_days"), nb::arg("follow_up_days"), nb::arg("chance"), nb::arg("keep"),
        nb::arg("seed"), nb::arg("threads"), nb::arg("order"), nb::arg("timings") = false,
        nb::arg("daily_until") = 0);
  nb::module_ words = m.def_submodule("words", "The words and numbers that both sides know.");
  bind_words(words);
  m.attr("records") = records();
  m.attr("arrays") = arrays();
  bind_block(m);
  nb::module_ of_chance = m.def_submodule("chance", "Draws that depend on seed, patient, purpose and index alone.");
  bind_chance(of_chance);
  nb::module_ equations = m.def_submodule("equations", "The body's equations, for tests.");
  bind_equations(equations);
}
