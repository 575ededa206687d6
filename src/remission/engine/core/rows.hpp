// Rows of LANES patients, side by side: a row is one vector of the compiler, which makes of it as many wide instructions
// as the processor needs.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace remission {

using Int = std::int64_t;
using Real = double;

constexpr int LANES = 8;  // patients of a block

// A row as a value. Loads and stores need no alignment.
typedef Real Wide __attribute__((vector_size(LANES * sizeof(Real))));
typedef Int WideInt __attribute__((vector_size(LANES * sizeof(Int))));
typedef Real LooseWide __attribute__((vector_size(LANES * sizeof(Real)), aligned(8)));  // a vector may alias its elements
inline Wide load(const Real* row) { return *reinterpret_cast<const LooseWide*>(row); }
inline void store(Real* row, Wide x) { *reinterpret_cast<LooseWide*>(row) = x; }
inline Wide everywhere(Real x) { return x - Wide{}; }
// Does a comparison hold for any patient (-1 where it does, 0 elsewhere)? A byte of each is enough.
inline bool any(WideInt truths) {
  typedef std::int8_t Bytes __attribute__((vector_size(LANES)));
  const Bytes bytes = __builtin_convertvector(truths, Bytes);
  char all[LANES], none[LANES] = {};
  std::memcpy(all, &bytes, sizeof all);
  return std::memcmp(all, none, sizeof all) != 0;
}
// A yes or no in a list. Not a char, which may alias everything: after each write all else would be read anew.
struct Mark {
  bool is = false;
  Mark(bool x = false) : is(x) {}
  operator bool() const { return is; }
  Mark& operator|=(bool x) { return is |= x, *this; }
};
using Marks = std::vector<Mark>;

// f(n), n a constant where there are as many rows as in the usual mesh: the compiler writes their loops out.
template <class F>
[[gnu::always_inline]] inline void by_rows(Int rows, F f) {
  if (rows == 12)
    f(std::integral_constant<Int, 12>{});
  else if (rows == 6)
    f(std::integral_constant<Int, 6>{});
  else
    f(rows);
}
constexpr Real NEVER_MEASURED = std::numeric_limits<Real>::quiet_NaN();

// Memory of rows that is not needed now, by its size, for those who ask next in this thread: blocks are made one after the
// other, and all alike. What lies here is the thread's, until it ends or clears it.
class Shelf {
 public:
  static void* take(std::size_t bytes) {
    bytes = whole(bytes);
#ifndef __SANITIZE_ADDRESS__
    if (Shelf* shelf = mine())
      if (std::vector<void*>& unused = shelf->unused(bytes); !unused.empty()) {
        void* memory = unused.back();
        unused.pop_back();
        return memory;
      }
#endif
    return ::operator new(bytes, ALIGNED);
  }
  static void give(void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#ifndef __SANITIZE_ADDRESS__
    try {
      if (Shelf* shelf = mine()) return shelf->unused(whole(bytes)).push_back(memory);
    } catch (const std::bad_alloc&) {  // no room to remember it
    }
#endif
    ::operator delete(memory, ALIGNED);
  }
  static void clear() {
    if (Shelf* shelf = mine()) shelf->empty();
  }
  ~Shelf() {
    empty();
    ended_ = true;
  }

 private:
  static constexpr std::size_t UNIT = 64, SMALL = 2048;  // bytes; so many units
  static constexpr std::align_val_t ALIGNED{UNIT};
  std::vector<std::vector<void*>> small_;  // by units
  std::unordered_map<std::size_t, std::vector<void*>> large_;
  static inline thread_local bool ended_ = false;

  static std::size_t whole(std::size_t bytes) { return (bytes + UNIT - 1) / UNIT * UNIT; }
  std::vector<void*>& unused(std::size_t bytes) {
    const std::size_t units = bytes / UNIT;
    if (units >= SMALL) return large_[bytes];
    if (units >= small_.size()) small_.resize(units + 1);
    return small_[units];
  }

  static Shelf* mine() {
    static thread_local Shelf shelf;
    return ended_ ? nullptr : &shelf;
  }
  void empty() {
    for (std::vector<void*>& unused : small_)
      for (void* memory : unused) ::operator delete(memory, ALIGNED);
    for (auto& [bytes, unused] : large_)
      for (void* memory : unused) ::operator delete(memory, ALIGNED);
    small_.clear();
    large_.clear();
  }
};

template <class T>
struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <class U>
  Aligned(const Aligned<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(Shelf::take(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) { Shelf::give(p, n * sizeof(T)); }
  template <class U>
  void construct(U* at) {  // nothing is written where no value is given
    ::new (static_cast<void*>(at)) U;
  }
  template <class U, class... Value>
  void construct(U* at, Value&&... value) {
    ::new (static_cast<void*>(at)) U(std::forward<Value>(value)...);
  }
  template <class U>
  bool operator==(const Aligned<U>&) const { return true; }
};

template <class T>
using Many = std::vector<T, Aligned<T>>;

// Rows of numbers, LANES in each.
struct Rows {
  Many<Real> v;
  Rows() = default;
  explicit Rows(Int rows, Real value = 0.0) : v(size_of(rows), value) {}
  static Rows unset(Int rows) {  // to be written before it is read
    Rows out;
    out.v = Many<Real>(size_of(rows));
    return out;
  }
  Real* row(Int i) { return v.data() + i * LANES; }
  const Real* row(Int i) const { return v.data() + i * LANES; }
  Real& operator()(Int i, int lane) { return v[static_cast<std::size_t>(i) * LANES + lane]; }
  Real operator()(Int i, int lane) const { return v[static_cast<std::size_t>(i) * LANES + lane]; }
  Int rows() const { return static_cast<Int>(v.size()) / LANES; }
  void fill(Real value) { std::fill(v.begin(), v.end(), value); }
  void clear(Int first, Int rows) {
    Real* at = row(first);
#pragma GCC unroll 6
    for (Int k = 0; k < rows; ++k) store(at + k * LANES, Wide{});
  }

 private:
  static std::size_t size_of(Int rows) { return static_cast<std::size_t>(std::max<Int>(rows, 1)) * LANES; }
};

// What Python owns and the core only reads: an index that leads out of it ends the call with an error.
[[noreturn, gnu::cold, gnu::noinline]] inline void out_of_range() {
  throw std::out_of_range("an index leads out of an array of the program");
}

template <class T>
struct View {
  const T* data = nullptr;
  Int size = 0;
  const T& operator[](Int i) const {
    // checked
    return data[i];
  }
  const T* begin() const { return data; }
  const T* end() const { return data + size; }
};

inline Wide load_row(const Rows& x, Int i) { return load(x.row(i)); }

inline void copy_rows(Rows& out, Int out0, const Rows& x, Int x0, Int rows) {
  std::memcpy(out.row(out0), x.row(x0), static_cast<std::size_t>(rows) * LANES * sizeof(Real));
}

}  // namespace remission
