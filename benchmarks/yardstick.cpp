// The yardstick: what hand-written vectorised C++ reaches on the reference problem (reference_problem.py).
//
// Patients lie side by side in vector lanes, LANES of them a block, and every loop runs over lanes. The couplings go one
// way (drug -> pool -> marrow; drug -> kill), so the day is a cascade without splitting error:
//   drugs and polyglutamates   exact: rows of each patient's matrix exponential, built inside the block
//   thioguanine nucleotides    exponential quadrature of their formation, Boole's rule in panels of 1/8 to 1/2 day
//   kill of blasts             Simpson or Boole on a mesh that is fine after a fast drug's dose; exact crowding of means
//   marrow                     a parabola for the proliferating pool, all behind it exact
// Compile with -O3 -march=native -ffp-contract=fast; reassociation (-ffast-math) breaks exp and log.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>
#ifdef __SSE__
#include <immintrin.h>
#endif

namespace {

constexpr int WIDTH = 8, GROUPS = 2, LANES = WIDTH * GROUPS;
#ifndef COUNT_OPERATIONS
typedef double vec __attribute__((vector_size(8 * WIDTH)));
typedef int64_t ivec __attribute__((vector_size(8 * WIDTH)));
typedef ivec mask;
inline vec choose(mask yes, vec a, vec b) { return yes ? a : b; }
#else  // the same arithmetic, counted: an operation for each lane, a fused multiply-add as two, a division as one
double counted = 0.0;
template <class T> struct Wide {
    T v[WIDTH] = {};
    T operator[](int i) const { return v[i]; }
    T& operator[](int i) { return v[i]; }
};
typedef Wide<double> vec;
typedef Wide<bool> mask;
template <class T, class U, class F> Wide<T> each(const Wide<U>& a, const Wide<U>& b, F f) {
    counted += WIDTH;
    Wide<T> out;
    for (int i = 0; i < WIDTH; ++i) out.v[i] = f(a.v[i], b.v[i]);
    return out;
}
inline vec all(double x) {
    vec out;
    for (double& one : out.v) one = x;
    return out;
}
#define ARITHMETIC(op)                                                                                  \
    inline vec operator op(vec a, vec b) { return each<double>(a, b, [](double x, double y) { return x op y; }); } \
    inline vec operator op(double a, vec b) { return all(a) op b; }                                     \
    inline vec operator op(vec a, double b) { return a op all(b); }
ARITHMETIC(+) ARITHMETIC(-) ARITHMETIC(*) ARITHMETIC(/)
inline vec operator-(vec a) { return 0.0 - a; }
inline vec& operator+=(vec& a, vec b) { return a = a + b; }
#define COMPARISON(op)                                                                                  \
    inline mask operator op(vec a, vec b) { return each<bool>(a, b, [](double x, double y) { return x op y; }); } \
    inline mask operator op(vec a, double b) { return a op all(b); }
COMPARISON(<) COMPARISON(>) COMPARISON(>=) COMPARISON(==) COMPARISON(!=)
inline mask operator&(mask a, mask b) { return each<bool>(a, b, [](bool x, bool y) { return x && y; }); }
inline mask operator|(mask a, mask b) { return each<bool>(a, b, [](bool x, bool y) { return x || y; }); }
inline mask operator~(mask a) { return each<bool>(a, a, [](bool x, bool) { return !x; }); }
inline vec choose(mask yes, vec a, vec b) {
    for (int i = 0; i < WIDTH; ++i) a.v[i] = yes.v[i] ? a.v[i] : b.v[i];
    return a;
}
#endif
typedef vec lane[GROUPS];
#define EACH for (int g = 0; g < GROUPS; ++g)

inline vec set(double x) { return x - vec{}; }
inline vec larger(vec a, vec b) { return choose(a > b, a, b); }
inline vec smaller(vec a, vec b) { return choose(a < b, a, b); }

#ifdef COUNT_OPERATIONS
inline vec reciprocal(vec x) { return 1.0 / x; }
template <class F> vec counted_as(int operations, vec x, F f) {  // of the polynomials below
    counted += operations * WIDTH;
    for (double& one : x.v) one = f(one);
    return x;
}
inline vec exp(vec x) {
    return counted_as(24, x, [](double y) { return std::exp(y); });
}
inline vec log(vec x) {
    return counted_as(18, x, [](double y) { return std::log(y); });
}
#else
inline vec reciprocal(vec x) {
#ifdef __AVX512F__
    vec y = (vec)_mm512_rcp14_pd((__m512d)x);
    y = y + y * (1.0 - x * y);
    return y + y * (1.0 - x * y);
#else
    return 1.0 / x;
#endif
}

// exp(x) for |x| < 700, relative error about 3e-11.
inline vec exp(vec x) {
    const double magic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    x = larger(set(-700.0), x);
    vec shifted = x * 1.4426950408889634 + magic;
    vec k = shifted - magic;
    vec r = x - k * 0.6931471805599453;
    vec p = 1.0 / 40320 + r * (1.0 / 362880);
    p = 1.0 / 5040 + r * p;
    p = 1.0 / 720 + r * p;
    p = 1.0 / 120 + r * p;
    p = 1.0 / 24 + r * p;
    p = 1.0 / 6 + r * p;
    p = 0.5 + r * p;
    p = 1.0 + r * p;
    p = 1.0 + r * p;
    return (vec)((ivec)p + ((ivec)shifted << 52));
}

// Natural logarithm of positive normal numbers, absolute error about 1e-10.
inline vec log(vec x) {
    ivec bits = (ivec)x - 0x3fe6a09e667f3bcd;  // sqrt(1/2)
    ivec exponent = bits >> 52;
    vec m = (vec)((ivec)x - (exponent << 52));
    vec s = (m - 1.0) * reciprocal(m + 1.0), z = s * s;
    vec p = 2.0 / 9 + z * (2.0 / 11);
    p = 2.0 / 7 + z * p;
    p = 2.0 / 5 + z * p;
    p = 2.0 / 3 + z * p;
    p = 2.0 + z * p;
    return __builtin_convertvector(exponent, vec) * 0.6931471805599453 + s * p;
}
#endif

enum Parameter {
    KA_MP, KEL_MP, VM, KM, KTGN, KA_MX, KEL_MX, K12, K21, KPIN, KPOUT, K10, V12, V21, V13, V31, KA_PR, KEL_PR,
    MTT_A, C0_A, GAM_A, MTT_Q, C0_Q, GAM_Q, ANC_TGN, ANC_PG, PLT_TGN, PLT_PG,
    GROWTH_S, GROWTH_R, CAPACITY, BLASTS_S, BLASTS_R,
    KILL_S, KILL_R = KILL_S + 4, HALF_S = KILL_R + 4, HALF_R = HALF_S + 4,
    DOSE_MP = HALF_R + 4, DOSE_MX, DOSE_VC, DOSE_PR, PARAMETERS
};

enum Drug { TGN, PG, VC, PR };

template <int N> struct Matrix { lane at[N][N]; };

template <int N> void multiply(const Matrix<N>& a, const Matrix<N>& b, Matrix<N>& out) {
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) EACH {
            vec sum = a.at[i][0][g] * b.at[0][j][g];
            for (int k = 1; k < N; ++k) sum += a.at[i][k][g] * b.at[k][j][g];
            out.at[i][j][g] = sum;
        }
}

// exp(a h) by its Taylor series; |a h| must be below about 1.
template <int N> void exponential(const Matrix<N>& a, double h, Matrix<N>& out) {
    Matrix<N> power{}, next;
    out = Matrix<N>{};
    for (int i = 0; i < N; ++i) EACH power.at[i][i][g] = out.at[i][i][g] = set(1.0);
    for (int k = 1; k <= 10; ++k) {
        multiply(a, power, next);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) EACH {
                power.at[i][j][g] = next.at[i][j][g] * (h / k);
                out.at[i][j][g] += power.at[i][j][g];
            }
    }
}

// One output of a linear system at some times after the start of the step: rows of matrix exponentials.
template <int N> struct Row { lane at[N]; };

template <int N> void pick(const Matrix<N>& m, int output, Row<N>& row) {
    for (int j = 0; j < N; ++j) EACH row.at[j][g] = m.at[output][j][g];
}

template <int N> void after(const Row<N>& row, const Matrix<N>& m, Row<N>& out) {
    for (int j = 0; j < N; ++j) EACH {
        vec sum = row.at[0][g] * m.at[0][j][g];
        for (int k = 1; k < N; ++k) sum += row.at[k][g] * m.at[k][j][g];
        out.at[j][g] = sum;
    }
}

template <int N> inline vec value(const Row<N>& row, const lane* x, int g) {
    vec sum = row.at[0][g] * x[0][g];
    for (int k = 1; k < N; ++k) sum += row.at[k][g] * x[k][g];
    return sum;
}

template <int N> void advance(const Matrix<N>& m, lane* x) {
    EACH {
        vec y[N];
        for (int i = 0; i < N; ++i) {
            y[i] = m.at[i][0][g] * x[0][g];
            for (int k = 1; k < N; ++k) y[i] += m.at[i][k][g] * x[k][g];
        }
        for (int i = 0; i < N; ++i) x[i][g] = y[i];
    }
}

// Nodes for the integral of a saturable effect: panels that double in length from the time of the dose, each by Boole's
// rule, `first` being the length of the first panel as a power of two. Times are powers of two, so that rows come from
// the few matrices of the doublings.
constexpr int BOOLE = 4;
const double boole[BOOLE + 1] = {7.0 / 90, 32.0 / 90, 12.0 / 90, 32.0 / 90, 7.0 / 90};
// Integrals of the same polynomial up to each node, in units of the distance of nodes.
const double part_of_boole[BOOLE][BOOLE + 1] = {
    {251.0 / 720, 646.0 / 720, -264.0 / 720, 106.0 / 720, -19.0 / 720},
    {29.0 / 90, 124.0 / 90, 24.0 / 90, 4.0 / 90, -1.0 / 90},
    {27.0 / 80, 102.0 / 80, 72.0 / 80, 42.0 / 80, -3.0 / 80},
    {28.0 / 90, 128.0 / 90, 48.0 / 90, 128.0 / 90, 28.0 / 90}};

template <int N, int PANELS> struct Mesh {
    static constexpr int NODES = PANELS * BOOLE;
    Row<N> rows[NODES + 1];
    double weights[NODES + 1];

    // halves[k] = exp(a length / 2^k)
    void build(const Matrix<N>* halves, int output, double length) {
        std::fill(weights, weights + NODES + 1, 0.0);
        Matrix<N> one{};
        for (int i = 0; i < N; ++i) EACH one.at[i][i][g] = set(1.0);
        pick(one, output, rows[0]);
        for (int p = 0; p < PANELS; ++p) {
            int k = p ? PANELS - p : PANELS - 1;  // the panel is length / 2^k long
            for (int i = 0; i < BOOLE; ++i) after(rows[p * BOOLE + i], halves[k + 2], rows[p * BOOLE + i + 1]);
            for (int i = 0; i <= BOOLE; ++i) weights[p * BOOLE + i] += boole[i] * length / (1 << k);
        }
    }
};

// Sum of occupancy c / (half + c) over nodes, for both clones.
template <bool SHARED> struct Occupancy {
    vec s{}, r{};
    inline void add(double weight, vec c, vec half_s, vec half_r) {
        vec part = weight * c;
        s += part * reciprocal(half_s + c);
        if (!SHARED) r += part * reciprocal(half_r + c);
    }
};

// ln(a / b) of positive numbers that lie near each other: 2 artanh((a - b) / (a + b)).
inline vec log_ratio(vec a, vec b) {
    vec s = (a - b) * reciprocal(a + b), z = s * s;
    return s * (2.0 + z * (2.0 / 3 + z * (2.0 / 5 + z * (2.0 / 7))));
}

// exp(x) for |x| below about a half, relative error below 1e-7.
inline vec exp_small(vec x) {
    vec p = 1.0 / 120 + x * (1.0 / 720);
    p = 1.0 / 24 + x * p;
    p = 1.0 / 6 + x * p;
    p = 0.5 + x * p;
    p = 1.0 + x * p;
    return 1.0 + x * p;
}

constexpr int CELLS = 4;  // behind the proliferating pool P: three transits and the circulating cells
constexpr double STEP = 0.5;

// A line of cells. Over one step P is a parabola q0 + q1 s + q2 s^2, and what is behind it follows exactly. Feedback asks
// for the circulating cells in the middle and at the end of the step; P, which reaches them through three transits, may
// for that be a straight line with its slope at the start.
struct Chain {
    lane pool, behind[CELLS];
    lane rate, gamma, log_c0, feedback;  // rate: 4/MTT times half a step; feedback: (c0/C)^gamma at the start
    lane half[2 + CELLS];                // circulating in the middle, from q0, q1 and those behind
    lane through[CELLS], made[CELLS][3]; // of a compartment j places further on, and from q0, q1, q2

    void steady(const lane& mtt, const lane& c0, const lane& power) {
        Matrix<3 + CELLS> a{}, middle, whole;  // in units of half a step
        EACH {
            rate[g] = (4.0 * STEP / 2.0) / mtt[g];
            gamma[g] = power[g];
            log_c0[g] = log(c0[g]);
            feedback[g] = set(1.0);
            pool[g] = c0[g];
            a.at[0][1][g] = set(0.5);
            a.at[1][2][g] = set(1.0);
            for (int i = 0; i < CELLS; ++i) {
                behind[i][g] = c0[g];
                a.at[3 + i][i ? 2 + i : 0][g] = rate[g];
                a.at[3 + i][3 + i][g] = -rate[g];
            }
        }
        exponential(a, 1.0, middle);
        multiply(middle, middle, whole);
        EACH {
            for (int j = 0; j < 2; ++j) half[j][g] = middle.at[2 + CELLS][j][g];
            for (int i = 0; i < CELLS; ++i) {
                half[2 + i][g] = middle.at[2 + CELLS][3 + i][g];
                through[i][g] = whole.at[3 + i][3][g];
                for (int j = 0; j < 3; ++j) made[i][j][g] = whole.at[3 + i][j][g];
            }
        }
    }

    // The feedback is carried from step to step by ratios; now and then anew.
    void anew() {
        EACH feedback[g] = exp(gamma[g] * (log_c0[g] - log(behind[CELLS - 1][g])));
    }

    // One step; keep[i] = 1 - E at its five nodes. Its means over both halves count, and how they lie to the feedback.
    void step(const lane* keep) {
        EACH {
            const vec circulating = behind[CELLS - 1][g], p0 = pool[g], f0 = feedback[g], k = rate[g];
            const vec q1 = 2.0 * k * p0 * (keep[0][g] * f0 - 1.0);
            vec middle = half[0][g] * p0 + half[1][g] * q1, rest = through[0][g] * circulating;
            for (int i = 0; i < CELLS; ++i) middle += half[2 + i][g] * behind[i][g];
            for (int j = 1; j < CELLS; ++j) rest += through[j][g] * behind[CELLS - 1 - j][g];
            const vec end = rest + made[CELLS - 1][0][g] * p0 + made[CELLS - 1][1][g] * q1;
            const vec fm = f0 * exp_small(gamma[g] * log_ratio(circulating, middle));
            const vec f1 = fm * exp_small(gamma[g] * log_ratio(middle, end));
            const vec first = (keep[0][g] + 4.0 * keep[1][g] + keep[2][g]) * (1.0 / 72);  // means, by 12
            const vec second = (keep[2][g] + 4.0 * keep[3][g] + keep[4][g]) * (1.0 / 72);
            const vec lost = 1.0 - (second - first) * (f1 - f0) * 0.5;
            const vec pm = p0 * exp_small(k * (first * (5.0 * f0 + 8.0 * fm - f1) - lost));
            const vec p1 = pm * exp_small(k * (second * (8.0 * fm + 5.0 * f1 - f0) - lost));
            const vec slope = 4.0 * pm - 3.0 * p0 - p1, bend = 2.0 * (p0 + p1) - 4.0 * pm;
            for (int i = CELLS - 1; i >= 0; --i) {
                vec sum = i == CELLS - 1 ? rest : through[0][g] * behind[i][g];
                if (i < CELLS - 1)
                    for (int j = 1; j <= i; ++j) sum += through[j][g] * behind[i - j][g];
                behind[i][g] = sum + made[i][0][g] * p0 + made[i][1][g] * slope + made[i][2][g] * bend;
            }
            feedback[g] = f1 * exp_small(gamma[g] * log_ratio(end, behind[CELLS - 1][g]));
            pool[g] = p1;
        }
    }
};

struct Job {
    long patients, days, weeks;
    bool closed;
    const double* parameters;  // (PARAMETERS, patients)
    const unsigned char* given;  // (4, days)
    double *anc, *platelets, *blasts, *factor;  // (weeks, padded patients)
    long padded;
};

constexpr int MARROW_NODES = 8, VC_PANELS = 10, PR_PANELS = 5;
// Panels for the formation of TGN, and the panel that each node of the marrow lies in.
constexpr int MP_PANELS = 4, MP_NODES = MP_PANELS * BOOLE;
constexpr double panel_start[MP_PANELS] = {0.0, 0.125, 0.25, 0.5}, panel_length[MP_PANELS] = {0.125, 0.125, 0.25, 0.5};
constexpr int panel_of[MARROW_NODES] = {0, 1, 2, 2, 3, 3, 3, 3};
constexpr double ABSENT = 1e-7;  // an agent below this share of its half-effect in all lanes of a block is not on board

template <bool SHARED> class Block {
    lane p[PARAMETERS];
    Row<2> mp_row[MP_NODES];
    Matrix<2> mp_day;
    Matrix<4> mx_day;
    Row<4> pg_row[MARROW_NODES];
    Matrix<3> vc_day;
    Matrix<2> pr_half;
    Mesh<3, VC_PANELS> vc_dosed;
    Mesh<2, PR_PANELS> pr_dosed;
    Row<3> vc_quarter[4];
    Row<2> pr_eighth[4];
    lane mp[2], mx[4], vc[3], pr[2], tgn, ln[2], cells[2];
    lane decay[MARROW_NODES], formed[MARROW_NODES][BOOLE + 1];  // TGN at each node, from the start of its panel
    Chain neutrophils, platelets;
    lane factor, dose_factor, hold, up;
    lane tgn_at[MARROW_NODES + 1], pg_at[MARROW_NODES + 1];
    lane kill_s, kill_r;

    void load(const Job& job, long first) {
        for (int q = 0; q < PARAMETERS; ++q)
            for (int i = 0; i < LANES; ++i)
                p[q][i / WIDTH][i % WIDTH] = job.parameters[q * job.patients + std::min(first + i, job.patients - 1)];
    }

    // Matrices for length / 2^k, k = 0 .. last, from the Taylor series for the shortest.
    template <int N> static void doublings(const Matrix<N>& a, double length, int last, Matrix<N>* halves) {
        exponential(a, length / (1 << last), halves[last]);
        for (int k = last; k > 0; --k) multiply(halves[k], halves[k], halves[k - 1]);
    }

    template <int N, int M> static void even_rows(const Matrix<N>& step, int output, Row<N> (&rows)[M]) {
        pick(step, output, rows[0]);
        for (int i = 1; i < M; ++i) after(rows[i - 1], step, rows[i]);
    }

    void kinetics() {
        Matrix<2> a2{}, h2[PR_PANELS + 3];
        EACH {
            a2.at[0][0][g] = -p[KA_MP][g];
            a2.at[1][0][g] = p[KA_MP][g];
            a2.at[1][1][g] = -p[KEL_MP][g];
        }
        doublings(a2, 1.0, 6, h2);
        for (int i = 0; i < MP_NODES; ++i) {
            const Matrix<2>& step = h2[std::ilogb(BOOLE / panel_length[i / BOOLE])];
            i ? after(mp_row[i - 1], step, mp_row[i]) : pick(step, 1, mp_row[i]);
        }
        mp_day = h2[0];
        EACH {
            a2.at[0][0][g] = -p[KA_PR][g];
            a2.at[1][0][g] = p[KA_PR][g];
            a2.at[1][1][g] = -p[KEL_PR][g];
        }
        doublings(a2, 0.5, PR_PANELS + 1, h2);
        pr_dosed.build(h2, 1, 0.5);
        even_rows(h2[2], 1, pr_eighth);
        pr_half = h2[0];
        Matrix<4> a4{}, h4[8];
        EACH {
            a4.at[0][0][g] = -p[KA_MX][g];
            a4.at[1][0][g] = p[KA_MX][g];
            a4.at[1][1][g] = -p[KEL_MX][g] - p[K12][g];
            a4.at[1][2][g] = p[K21][g];
            a4.at[2][1][g] = p[K12][g];
            a4.at[2][2][g] = -p[K21][g];
            a4.at[3][1][g] = p[KPIN][g];
            a4.at[3][3][g] = -p[KPOUT][g];
        }
        doublings(a4, 1.0, 7, h4);
        even_rows(h4[3], 3, pg_row);
        mx_day = h4[0];
        Matrix<3> a3{}, h3[VC_PANELS + 2];
        EACH {
            a3.at[0][0][g] = -p[K10][g] - p[V12][g] - p[V13][g];
            a3.at[0][1][g] = p[V21][g];
            a3.at[0][2][g] = p[V31][g];
            a3.at[1][0][g] = p[V12][g];
            a3.at[1][1][g] = -p[V21][g];
            a3.at[2][0][g] = p[V13][g];
            a3.at[2][2][g] = -p[V31][g];
        }
        doublings(a3, 1.0, VC_PANELS + 1, h3);
        vc_dosed.build(h3, 0, 1.0);
        even_rows(h3[2], 0, vc_quarter);
        vc_day = h3[0];
        for (int i = 0; i < MARROW_NODES; ++i) EACH {
            const double end = (i + 1.0) / MARROW_NODES - panel_start[panel_of[i]], h = panel_length[panel_of[i]] / BOOLE;
            const double* weight = part_of_boole[std::lround(end / h) - 1];
            decay[i][g] = exp(-end * p[KTGN][g]);
            for (int k = 0; k <= BOOLE; ++k) formed[i][k][g] = h * weight[k] * p[VM][g] * exp((k * h - end) * p[KTGN][g]);
        }
    }

    static bool on_board(const lane& a, const lane& b, const lane& c, const lane& half) {
        vec most{};
        EACH most = larger(most, a[g] + b[g] + c[g] - ABSENT * half[g]);
        for (int i = 0; i < WIDTH; ++i)
            if (most[i] > 0.0) return true;
        return false;
    }

    void killed(int drug, const Occupancy<SHARED>& o, int g) {
        kill_s[g] += p[KILL_S + drug][g] * o.s;
        kill_r[g] += p[KILL_R + drug][g] * (SHARED ? o.s : o.r);
    }

    void thioguanine() {
        EACH {
            const vec km = p[KM][g];
            vec share[BOOLE + 1], pool;  // of the largest rate of formation
            share[BOOLE] = mp[1][g] * reciprocal(km + mp[1][g]);
            tgn_at[0][g] = tgn[g];
            for (int panel = 0, node = 0; panel < MP_PANELS; ++panel) {
                share[0] = share[BOOLE];
                for (int i = 0; i < BOOLE; ++i) {
                    vec c = value(mp_row[BOOLE * panel + i], mp, g);
                    share[i + 1] = c * reciprocal(km + c);
                }
                for (pool = tgn_at[node][g]; node < MARROW_NODES && panel_of[node] == panel; ++node) {
                    vec sum = decay[node][g] * pool;
                    for (int i = 0; i <= BOOLE; ++i) sum += formed[node][i][g] * share[i];
                    tgn_at[node + 1][g] = sum;
                }
            }
            tgn[g] = tgn_at[MARROW_NODES][g];
        }
        advance(mp_day, mp);
    }

    void polyglutamates() {
        EACH {
            pg_at[0][g] = mx[3][g];
            for (int i = 0; i < MARROW_NODES; ++i) pg_at[i + 1][g] = value(pg_row[i], mx, g);
        }
        advance(mx_day, mx);
    }

    // The slow pools: Simpson, on quarter days or (polyglutamates after a dose) on eighths.
    void pool_kill(int drug, const lane* at, int stride) {
        const int n = MARROW_NODES / stride;
        EACH {
            Occupancy<SHARED> o;
            for (int i = 0; i <= n; ++i) {
                double weight = (i == 0 || i == n ? 1.0 : i % 2 ? 4.0 : 2.0) / (3 * n);
                o.add(weight, at[i * stride][g], p[HALF_S + drug][g], p[HALF_R + drug][g]);
            }
            killed(drug, o, g);
        }
    }

    template <int N, int PANELS> void dosed_kill(int drug, const Mesh<N, PANELS>& mesh, const lane* x) {
        EACH {
            Occupancy<SHARED> o;
            for (int i = 0; i <= Mesh<N, PANELS>::NODES; ++i)
                o.add(mesh.weights[i], value(mesh.rows[i], x, g), p[HALF_S + drug][g], p[HALF_R + drug][g]);
            killed(drug, o, g);
        }
    }

    template <int N> void quiet_kill(int drug, const Row<N> (&rows)[4], const lane* x, int output, double length) {
        EACH {
            Occupancy<SHARED> o;
            o.add(boole[0] * length, x[output][g], p[HALF_S + drug][g], p[HALF_R + drug][g]);
            for (int i = 0; i < 4; ++i)
                o.add(boole[i + 1] * length, value(rows[i], x, g), p[HALF_S + drug][g], p[HALF_R + drug][g]);
            killed(drug, o, g);
        }
    }

    void vincristine(bool dose) {
        if (dose) {
            EACH vc[0][g] += p[DOSE_VC][g];
            dosed_kill(VC, vc_dosed, vc);
        } else if (on_board(vc[0], vc[1], vc[2], p[HALF_S + VC]))
            quiet_kill(VC, vc_quarter, vc, 0, 1.0);
        else
            return;
        advance(vc_day, vc);
    }

    void prednisolone(bool dose) {
        for (int half = 0; half < 2; ++half) {
            if (dose) {
                EACH pr[0][g] += p[DOSE_PR][g];
                dosed_kill(PR, pr_dosed, pr);
            } else if (on_board(pr[0], pr[1], pr[1], p[HALF_S + PR]))
                quiet_kill(PR, pr_eighth, pr, 1, 0.5);
            else
                return;
            advance(pr_half, pr);
        }
    }

    void marrow() {
        lane keep_a[MARROW_NODES + 1], keep_q[MARROW_NODES + 1];
        for (int i = 0; i <= MARROW_NODES; ++i) EACH {
            keep_a[i][g] = 1.0 - p[ANC_TGN][g] * tgn_at[i][g] - p[ANC_PG][g] * pg_at[i][g];
            keep_q[i][g] = 1.0 - p[PLT_TGN][g] * tgn_at[i][g] - p[PLT_PG][g] * pg_at[i][g];
        }
        for (int i = 0; i < MARROW_NODES; i += 4) {
            neutrophils.step(keep_a + i);
            platelets.step(keep_q + i);
        }
    }

    // Growth in what room is left: each clone's mean over the day, growing exponentially by r, is S (e^r - 1)/r.
    void blasts() {
        EACH {
            vec load = (cells[0][g] + cells[1][g]) * reciprocal(p[CAPACITY][g]), mean{};
            const lane* kill[2] = {&kill_s, &kill_r};
            for (int i = 0; i < 2; ++i) {
                vec r = p[GROWTH_S + i][g] * (1.0 - load) - (*kill[i])[g];
                mean += cells[i][g] * (1.0 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120)))));
            }
            vec room = 1.0 - mean * reciprocal(p[CAPACITY][g]);
            for (int i = 0; i < 2; ++i) {
                ln[i][g] += p[GROWTH_S + i][g] * room - (*kill[i])[g];
                cells[i][g] = exp(ln[i][g]);
            }
        }
    }

    void visit(const Job& job, long week, long first) {
        EACH {
            const long at = week * job.padded + first + g * WIDTH;
            vec anc = neutrophils.behind[CELLS - 1][g], plt = platelets.behind[CELLS - 1][g];
            vec most = larger(ln[0][g], ln[1][g]), least = smaller(ln[0][g], ln[1][g]);
            vec all = (most + log(1.0 + exp(least - most))) * 0.4342944819032518;
            if (job.closed) {
                const vec zero{}, one = set(1.0);
                mask was = hold[g] != zero;
                mask resume = (anc >= 0.75) & (plt >= 75.0);
                mask stop = ~was & ((anc < 0.5) | (plt < 50.0));
                mask halve = ~was & ~stop & (anc < 0.75);
                mask high = ~was & ~stop & ~halve & (anc > 1.5);
                vec count = choose(high, up[g] + 1.0, choose(was, up[g], zero));
                mask raise = count == 4.0;
                vec f = factor[g];
                f = choose(halve, larger(set(0.1), f * 0.5), f);
                f = choose(raise, smaller(set(1.5), f * 1.25), f);
                up[g] = choose(raise, zero, count);
                hold[g] = choose(stop | (was & ~resume), one, zero);
                factor[g] = f;
                dose_factor[g] = choose(hold[g] != zero, zero, f);
            }
            *(vec*)(job.anc + at) = anc;
            *(vec*)(job.platelets + at) = plt;
            *(vec*)(job.blasts + at) = all;
            *(vec*)(job.factor + at) = dose_factor[g];
        }
    }

  public:
    static bool shared_halves(const Job& job) {
        const long n = 4 * job.patients;
        const double* halves = job.parameters + HALF_S * job.patients;
        return std::equal(halves, halves + n, halves + n);
    }

    void run(const Job& job, long first) {
        load(job, first);
        kinetics();
        neutrophils.steady(p[MTT_A], p[C0_A], p[GAM_A]);
        platelets.steady(p[MTT_Q], p[C0_Q], p[GAM_Q]);
        EACH {
            mp[0][g] = mp[1][g] = mx[0][g] = mx[1][g] = mx[2][g] = mx[3][g] = tgn[g] = vec{};
            vc[0][g] = vc[1][g] = vc[2][g] = pr[0][g] = pr[1][g] = hold[g] = up[g] = vec{};
            factor[g] = dose_factor[g] = set(1.0);
            for (int i = 0; i < 2; ++i) {
                cells[i][g] = p[BLASTS_S + i][g];
                ln[i][g] = log(cells[i][g]);
            }
        }
        const unsigned char *mp_given = job.given, *mx_given = mp_given + job.days, *vc_given = mx_given + job.days,
                            *pr_given = vc_given + job.days;
        for (long day = 0; day < job.days; ++day) {
            if (day && day % 7 == 0) {
                visit(job, day / 7 - 1, first);
                neutrophils.anew();
                platelets.anew();
            }
            if (mp_given[day]) EACH mp[0][g] += dose_factor[g] * p[DOSE_MP][g];
            if (mx_given[day]) EACH mx[0][g] += dose_factor[g] * p[DOSE_MX][g];
            EACH kill_s[g] = kill_r[g] = vec{};
            thioguanine();
            polyglutamates();
            pool_kill(TGN, tgn_at, 2);
            pool_kill(PG, pg_at, mx_given[day] ? 1 : 2);
            vincristine(vc_given[day]);
            prednisolone(pr_given[day]);
            marrow();
            blasts();
        }
        if (job.days % 7 == 0) visit(job, job.days / 7 - 1, first);
    }
};

template <bool SHARED> void work(const Job& job, std::atomic<long>& next) {
#ifdef __SSE__
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);  // denormals are zero: amounts of agents long gone
#endif
    auto* block = new Block<SHARED>;
    for (long first; (first = LANES * next++) < job.patients;) block->run(job, first);
    delete block;
#ifdef __SSE__
    _mm_setcsr(before);
#endif
}

}  // namespace

extern "C" int lanes() { return LANES; }

#ifdef COUNT_OPERATIONS
extern "C" double operations() { return counted; }
#else
// Multiply-adds that wait for nothing, `rounds` of them in each of 16 registers: operations done, for the machine's peak.
extern "C" double multiply_adds(long rounds, double* kept) {
    constexpr int REGISTERS = 16;
    vec sum[REGISTERS];
    for (int k = 0; k < REGISTERS; ++k) sum[k] = set(kept[0] * k);  // alike, they would be one
    const vec a = set(kept[0]), b = set(kept[1]);
    for (long i = 0; i < rounds; ++i)
        for (int k = 0; k < REGISTERS; ++k) sum[k] = sum[k] * a + b;
    for (int k = 0; k < REGISTERS; ++k) kept[0] += sum[k][0];
    return 2.0 * WIDTH * REGISTERS * static_cast<double>(rounds);
}
#endif

// Arrays of outputs are (weeks, padded) with `padded` patients, a multiple of lanes(), aligned to 64 bytes.
extern "C" void simulate(long patients, long padded, long days, int closed, int threads, const double* parameters,
                         const unsigned char* given, double* anc, double* platelets, double* blasts, double* factor) {
    const Job job{patients, days, days / 7, closed != 0, parameters, given, anc, platelets, blasts, factor, padded};
    std::atomic<long> next{0};
    auto one = [&] { Block<true>::shared_halves(job) ? work<true>(job, next) : work<false>(job, next); };
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(one);
    one();
    for (auto& other : others) other.join();
}
