// What Python sees of the core: one call that plays a cohort, the records it reads, and the equations for tests.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "day.hpp"

namespace nb = nanobind;
using namespace remission;

namespace {

// Buffers of Python arrays, held as long as the core reads them.
class Held {
 public:
  ~Held() {
    for (Py_buffer& buffer : buffers_) PyBuffer_Release(&buffer);
  }
  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  // The array `name` of a named tuple as a view of records T.
  template <class T>
  View<T> view(nb::handle owner, const char* name, Int* columns = nullptr) {
    nb::object array = owner.attr(name);
    Py_buffer buffer;
    if (PyObject_GetBuffer(array.ptr(), &buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) throw nb::python_error();
    buffers_.push_back(buffer);
    const std::string wanted = format<T>(), found = buffer.format ? buffer.format : "";
    if (static_cast<std::size_t>(buffer.itemsize) != sizeof(T) || canonical(found) != wanted)
      throw nb::type_error(("the array " + std::string(name) + " holds " + found + ", not " + wanted).c_str());
    if (columns) *columns = buffer.ndim > 1 ? static_cast<Int>(buffer.shape[buffer.ndim - 1]) : 0;
    return {static_cast<const T*>(buffer.buf), static_cast<Int>(buffer.len / buffer.itemsize)};
  }

 private:
  std::vector<Py_buffer> buffers_;

  template <class T>
  static std::string format() {
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

Tables tables_of(Held& held, nb::handle from) {
  Tables t;
#define TAKE_TABLE(Type, name) t.name = held.view<Type>(from, #name);
  TABLES_FIELDS(TAKE_TABLE)
  held.view<Age>(from, "ages", &t.age_rows);
  return t;
}

Layout layout_of(Held& held, nb::handle from) {
  Layout lay;
#define TAKE_LAYOUT(Type, name) lay.name = held.view<Type>(from, #name);
#define TAKE_NUMBER(name) lay.name = nb::cast<Int>(from.attr(#name));
  LAYOUT_FIELDS(TAKE_LAYOUT)
  LAYOUT_NUMBERS(TAKE_NUMBER)
  return lay;
}

Columns columns_of(Held& held, nb::handle from) {
  Columns c;
  c.person = held.view<Person>(from, "person");
  c.immune = held.view<ImmuneNumbers>(from, "immune");
  c.patients = c.person.size;
#define TAKE_COLUMN(name) c.name = held.view<Real>(from, #name);
  LANES_FIELDS(TAKE_COLUMN)
  return c;
}

using Array = nb::ndarray<nb::numpy, Real, nb::ndim<2>>;

Array array_of(std::vector<Real>&& values, std::size_t width) {
  auto* kept = new std::vector<Real>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Real>*>(p); });
  return Array(kept->data(), {kept->size() / width, width}, owner);
}

// Play all blocks of a cohort on `threads` threads: (results, [records ...]).
nb::tuple play_cohort(nb::handle tables, nb::handle layout, nb::handle lanes, Int treatment_days, Int follow_up_days,
                      bool play_chance, bool keep_doses, bool keep_states, std::uint64_t seed, int threads) {
  Held held;
  const Tables t = tables_of(held, tables);
  const Layout lay = layout_of(held, layout);
  const Columns all = columns_of(held, lanes);
  const Play play{treatment_days, follow_up_days, play_chance, keep_doses, keep_states, seed};
  const Int blocks = all.patients / LANES;
  std::vector<Real> results(static_cast<std::size_t>(blocks) * LANES * RESULT_COLUMNS);
  std::vector<Records> records(blocks);
  std::exception_ptr failure;
  {
    nb::gil_scoped_release release;
    std::atomic<Int> next{0};
    std::mutex guard;
    auto work = [&] {
      try {
        for (Int i = next++; i < blocks; i = next++) {
          auto b = std::make_unique<Block>(t, lay, play, all, i);
          play_block(*b);
          std::memcpy(results.data() + i * LANES * RESULT_COLUMNS, b->place.result, sizeof b->place.result);
          records[i] = std::move(b->rec);
        }
      } catch (...) {
        std::lock_guard<std::mutex> lock(guard);
        failure = std::current_exception();
        next = blocks;
      }
    };
    std::vector<std::thread> pool;
    for (int k = 1; k < threads && k < blocks; ++k) pool.emplace_back(work);
    work();
    for (std::thread& thread : pool) thread.join();
  }
  if (failure) std::rethrow_exception(failure);
  nb::list out;
  for (int table = 0; table < Records::TABLES; ++table) {
    std::size_t size = 0;
    for (const Records& r : records) size += r.rows[table].size();
    std::vector<Real> rows;
    rows.reserve(size);
    for (Records& r : records) {
      rows.insert(rows.end(), r.rows[table].begin(), r.rows[table].end());
      r.rows[table] = {};
    }
    out.append(array_of(std::move(rows), Records::width[table]));
  }
  return nb::make_tuple(array_of(std::move(results), RESULT_COLUMNS), out);
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "The compiled core of remission: plays blocks of patients through a program.";
  m.attr("LANES") = LANES;
  m.def("play", &play_cohort, nb::arg("tables"), nb::arg("layout"), nb::arg("lanes"), nb::kw_only(),
        nb::arg("treatment_days"), nb::arg("follow_up_days"), nb::arg("chance"), nb::arg("keep_doses"),
        nb::arg("keep_states"), nb::arg("seed"), nb::arg("threads"));
}
