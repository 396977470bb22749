/* The `balance` task of hybridctl as an environment of RLtools: cartpole.py in C++.
 * benchmarks/questions/learn.py compares it with hybridctl before it measures. */
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>

namespace balance {
constexpr double M_C = 1.0, M_P = 0.1, L = 1.0, G = 9.81, DEGREE = 0.017453292519943295;
constexpr double DT = 0.02, FORCE = 1.0, TRACK = 2.4, LEAN = 12 * DEGREE, START = 0.05;
constexpr size_t SUBSTEPS = 2, PERIODS = 1000;

/* [x, theta - pi, dx, dtheta], or its rate. */
template <typename T> struct Error {
    T e[4];
    Error moved(T h, const Error &rate) const {
        Error next;
        for (size_t i = 0; i < 4; i++) next.e[i] = e[i] + h * rate.e[i];
        return next;
    }
};

template <typename T> Error<T> ode(const Error<T> &x, T u) {
    const T m_c = M_C, m_p = M_P, l = L, g = G, w = x.e[3];
    const T s = -std::sin(x.e[1]), c = -std::cos(x.e[1]); /* of theta */
    const T a = (u + m_p * s * (l * w * w + g * c)) / (m_c + m_p * s * s);
    return {x.e[2], w, a, -(c * a + g * s) / l};
}

template <typename T> Error<T> period(Error<T> x, T u) {
    const T h = DT / SUBSTEPS;
    for (size_t n = 0; n < SUBSTEPS; n++) {
        const auto k1 = ode(x, u), k2 = ode(x.moved(h / 2, k1), u);
        const auto k3 = ode(x.moved(h / 2, k2), u), k4 = ode(x.moved(h, k3), u);
        x = x.moved(h / 6, k1).moved(h / 3, k2).moved(h / 3, k3).moved(h / 6, k4);
    }
    return x;
}

struct Parameters {};
struct Observation { static constexpr size_t DIM = 4; };

template <typename T> struct Task {
    using State = Error<T>;
    using Parameters = balance::Parameters;
    using Observation = balance::Observation;
    using ObservationPrivileged = Observation;
    static constexpr size_t N_AGENTS = 1, ACTION_DIM = 1, EPISODE_STEP_LIMIT = PERIODS;
};

/* What RLtools calls, which has to be included before. */
template <typename T> void malloc(auto &, const Task<T> &) {}
template <typename T> void free(auto &, const Task<T> &) {}
template <typename T> void init(auto &, const Task<T> &) {}

template <typename T>
void sample_initial_parameters(auto &, const Task<T> &, Parameters &, auto &) {}

template <typename T>
void sample_initial_state(auto &device, const Task<T> &, const Parameters &,
                          Error<T> &x, auto &rng) {
    using rl_tools::random::uniform_real_distribution;
    for (T &e : x.e)
        e = uniform_real_distribution(device.random, T(-START), T(START), rng);
}

template <typename T>
void observe(auto &, const Task<T> &, const Parameters &, const Error<T> &x,
             const Observation &, auto &seen, auto &) {
    for (size_t i = 0; i < Observation::DIM; i++) set(seen, 0, i, x.e[i]);
}

template <typename T>
T step(auto &, const Task<T> &, const Parameters &, const Error<T> &x, const auto &u,
       Error<T> &next, auto &) {
    next = period(x, T(FORCE) * std::clamp(T(get(u, 0, 0)), T(-1), T(1)));
    return T(DT);
}

template <typename T>
bool terminated(auto &, const Task<T> &, const Parameters &, const Error<T> &x,
                auto &) {
    return std::abs(x.e[0]) > T(TRACK) || std::abs(x.e[1]) > T(LEAN);
}

template <typename T>
T reward(auto &device, const Task<T> &task, const Parameters &parameters,
         const Error<T> &, const auto &, const Error<T> &next, auto &rng) {
    return T(!terminated(device, task, parameters, next, rng));
}
} // namespace balance
