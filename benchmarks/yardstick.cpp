// The yardstick: what hand-written vectorised C++ reaches on the reference problem (reference_problem.py).
//
// Patients lie side by side in vector lanes, LANES of them a block, and every loop runs over lanes. The couplings go one
// way (drug -> pool -> marrow; drug -> kill), so the day is a cascade without splitting error:
//   drugs and polyglutamates   exact: rows of each patient's matrix exponential, built inside the block
//   thioguanine nucleotides    exponential quadrature of their formation, Boole's rule in panels of 1/8 to 1/2 day
//   kill of blasts             Simpson or Boole on a mesh that is fine after a fast drug's dose; exact crowding of means
//   marrow                     classical Runge-Kutta on quarter days
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
typedef double vec __attribute__((vector_size(8 * WIDTH)));
typedef int64_t ivec __attribute__((vector_size(8 * WIDTH)));
typedef vec lane[GROUPS];
#define EACH for (int g = 0; g < GROUPS; ++g)

inline vec set(double x) { return x - vec{}; }
inline vec larger(vec a, vec b) { return a > b ? a : b; }
inline vec smaller(vec a, vec b) { return a < b ? a : b; }

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

struct Chain {
    lane y[5], start, gain, gamma, log_c0;  // gain = 4/MTT times the step
};

constexpr double STEP = 0.25;

// One Runge-Kutta step of the marrow; keep[i] = 1 - E at the start, in the middle and at the end of the step.
inline void marrow_step(Chain& c, const lane* keep) {
    lane z[5], sum[5];
    for (int stage = 0; stage < 4; ++stage) {
        const lane* in = stage ? z : c.y;
        const lane& left = keep[stage == 0 ? 0 : stage == 3 ? 2 : 1];
        const double next = stage == 2 ? 1.0 : 0.5, weight = stage == 0 || stage == 3 ? 1.0 / 6 : 1.0 / 3;
        EACH {
            vec back = exp(c.gamma[g] * (c.log_c0[g] - log(in[4][g])));
            vec slope[5];
            slope[0] = c.gain[g] * (in[0][g] * (left[g] * back - 1.0));
            for (int i = 1; i < 5; ++i) slope[i] = c.gain[g] * (in[i - 1][g] - in[i][g]);
            for (int i = 0; i < 5; ++i) {
                sum[i][g] = (stage ? sum[i][g] : c.y[i][g]) + weight * slope[i];
                z[i][g] = c.y[i][g] + next * slope[i];
            }
        }
    }
    for (int i = 0; i < 5; ++i) EACH c.y[i][g] = sum[i][g];
}

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

    static void steady(Chain& c, const lane& mtt, const lane& c0, const lane& gamma) {
        EACH {
            for (int i = 0; i < 5; ++i) c.y[i][g] = c0[g];
            c.gain[g] = (4.0 * STEP) / mtt[g];
            c.gamma[g] = gamma[g];
            c.log_c0[g] = log(c0[g]);
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
        for (int i = 0; i < MARROW_NODES; i += 2) {
            marrow_step(neutrophils, keep_a + i);
            marrow_step(platelets, keep_q + i);
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
            vec anc = neutrophils.y[4][g], plt = platelets.y[4][g];
            vec most = larger(ln[0][g], ln[1][g]), least = smaller(ln[0][g], ln[1][g]);
            vec all = (most + log(1.0 + exp(least - most))) * 0.4342944819032518;
            if (job.closed) {
                const vec zero{}, one = set(1.0);
                ivec was = hold[g] != zero;
                ivec resume = (anc >= 0.75) & (plt >= 75.0);
                ivec stop = ~was & ((anc < 0.5) | (plt < 50.0));
                ivec halve = ~was & ~stop & (anc < 0.75);
                ivec high = ~was & ~stop & ~halve & (anc > 1.5);
                vec count = high ? up[g] + 1.0 : was ? up[g] : zero;
                ivec raise = count == 4.0;
                vec f = factor[g];
                f = halve ? larger(set(0.1), f * 0.5) : f;
                f = raise ? smaller(set(1.5), f * 1.25) : f;
                up[g] = raise ? zero : count;
                hold[g] = stop | (was & ~resume) ? one : zero;
                factor[g] = f;
                dose_factor[g] = hold[g] != zero ? zero : f;
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
        steady(neutrophils, p[MTT_A], p[C0_A], p[GAM_A]);
        steady(platelets, p[MTT_Q], p[C0_Q], p[GAM_Q]);
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
            if (day && day % 7 == 0) visit(job, day / 7 - 1, first);
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
