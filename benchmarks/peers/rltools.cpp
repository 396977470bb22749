/* RLtools's PPO on `balance`: rltools.py compiles this, with its settings as macros.
 *
 *   ppo train SEED BEGAN TARGET     prints one line of JSON
 *   ppo follow < K, number of starts, starts; all as errors
 *                                   prints error, reward and end of every period
 */
#include <rl_tools/operations/cpu_mux.h>
#include <rl_tools/nn/optimizers/adam/instance/operations_generic.h>
#include <rl_tools/nn/operations_cpu_mux.h>
#include <rl_tools/nn/layers/standardize/operations_generic.h>
#include <rl_tools/nn_models/mlp_unconditional_stddev/operations_generic.h>
#include <rl_tools/nn_models/sequential/operations_generic.h>
#include <rl_tools/nn/optimizers/adam/operations_generic.h>

#include "balance.h"

#include <rl_tools/rl/algorithms/ppo/loop/core/config.h>
#include <rl_tools/rl/algorithms/ppo/loop/core/operations_generic.h>

#include <chrono>
#include <ctime>
#include <iostream>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

namespace rlt = rl_tools;
using DEVICE = rlt::devices::DEVICE_FACTORY<>;
using RNG = DEVICE::SPEC::RANDOM::ENGINE<>;
using T = float;
using TI = DEVICE::index_t;
using TASK = balance::Task<T>;
using TYPES = rlt::numeric_types::Policy<T>;
template <typename T, TI ROWS, TI COLUMNS>
using Matrix = rlt::Matrix<rlt::matrix::Specification<T, TI, ROWS, COLUMNS, false>>;

namespace ppo = rlt::rl::algorithms::ppo;
namespace core = ppo::loop::core;
namespace adam = rlt::nn::optimizers::adam;
struct Settings : core::DefaultParameters<TYPES, TI, TASK> {
    static constexpr TI N_ENVIRONMENTS = LANES, BATCH_SIZE = BATCH;
    static constexpr TI ON_POLICY_RUNNER_STEPS_PER_ENV = N_STEPS;
    static constexpr TI EPISODE_STEP_LIMIT = TASK::EPISODE_STEP_LIMIT;
    static constexpr TI ACTOR_HIDDEN_DIM = HIDDEN, CRITIC_HIDDEN_DIM = HIDDEN;
    static constexpr auto ACTOR_ACTIVATION_FUNCTION =
        rlt::nn::activation_functions::ACTIVATION;
    static constexpr auto CRITIC_ACTIVATION_FUNCTION = ACTOR_ACTIVATION_FUNCTION;
    static constexpr bool NORMALIZE_OBSERVATIONS = true;
    static constexpr bool NORMALIZE_OBSERVATIONS_CONTINUOUSLY = true;
    struct OPTIMIZER_PARAMETERS : adam::DEFAULT_PARAMETERS_TENSORFLOW<TYPES> {
        static constexpr T ALPHA = LEARNING_RATE;
    };
    struct PPO_PARAMETERS : ppo::DefaultParameters<TYPES, TI, BATCH> {
        static constexpr T GAMMA = DISCOUNT, LAMBDA = GAE_LAMBDA;
        static constexpr T EPSILON_CLIP = CLIP_RANGE, INITIAL_ACTION_STD = STD;
        static constexpr T ACTION_ENTROPY_COEFFICIENT = ENT_COEF;
        static constexpr TI N_EPOCHS = EPOCHS;
    };
};
using CONFIG = core::Config<TYPES, TI, RNG, TASK, Settings>;
using LOOP = CONFIG::State<CONFIG>;
constexpr TI EPISODES = 128, VALIDATION = 1000001, CONFIRMATION = 1000002;

/* Mean length of validation episodes, given up once it cannot reach the target. */
double score(DEVICE &device, LOOP &loop, TI seed, double target) {
    TASK task;
    TASK::Parameters parameters;
    RNG rng;
    rlt::init(device, rng, seed);
    TASK::State x[EPISODES], next;
    for (auto &start : x) sample_initial_state(device, task, parameters, start, rng);
    Matrix<T, EPISODES, 4> seen;
    Matrix<T, EPISODES, 1> actions;
    auto inputs = rlt::to_tensor(device, seen);
    auto outputs = rlt::to_tensor(device, actions);
    decltype(loop.ppo.actor)::State<> memory;
    rlt::Mode<rlt::mode::Rollout<>> mode;
    TI alive = EPISODES, length = 0;
    for (TI left = balance::PERIODS; left--;) {
        for (TI i = 0; i < alive; i++) {
            auto row = rlt::row(device, seen, i);
            observe(device, task, parameters, x[i], TASK::Observation{}, row, rng);
        }
        rlt::evaluate_step(device, loop.ppo.actor, inputs, memory, outputs,
                           loop.actor_eval_buffers, rng, mode);
        TI kept = 0;
        for (TI i = 0; i < alive; i++) {
            const auto u = rlt::row(device, actions, i);
            step(device, task, parameters, x[i], u, next, rng);
            if (!terminated(device, task, parameters, next, rng)) x[kept++] = next;
        }
        alive = kept;
        length += alive;
        if (length + left * alive < target * EPISODES) break;
    }
    return double(length) / EPISODES;
}

void print(TI n, auto item) {
    for (TI i = 0; i < n; i++) {
        std::cout << (i ? ", " : "[");
        item(i);
    }
    std::cout << "]";
}

void print_vector(DEVICE &device, const char *name, TI n, auto &v) {
    std::cout << "\"" << name << "\": ";
    print(n, [&](TI i) { std::cout << rlt::get(device, v, i); });
}

/* Weights by input and output, as hc.Policy has them. */
void print_layer(DEVICE &device, auto &layer, const char *end) {
    constexpr TI IN = std::remove_reference_t<decltype(layer)>::INPUT_DIM;
    constexpr TI OUT = std::remove_reference_t<decltype(layer)>::OUTPUT_DIM;
    auto &W = layer.weights.parameters;
    std::cout << "{\"weights\": ";
    print(IN, [&](TI i) {
        print(OUT, [&](TI o) { std::cout << rlt::get(device, W, o, i); });
    });
    std::cout << ", ";
    print_vector(device, "biases", OUT, layer.biases.parameters);
    std::cout << "}" << end;
}

void print_policy(DEVICE &device, LOOP &loop) {
    auto &scale = rlt::get_first_layer(loop.ppo.actor);
    auto &mlp = rlt::get_last_layer(loop.ppo.actor);
    print_vector(device, "mean", 4, scale.mean.parameters);
    std::cout << ", ";
    print_vector(device, "precision", 4, scale.precision.parameters);
    std::cout << ", \"layers\": [";
    print_layer(device, mlp.input_layer, ", ");
    print_layer(device, mlp.hidden_layers[0], ", ");
    print_layer(device, mlp.output_layer, "]");
}

void train(TI seed, double began, double target) {
    DEVICE device;
    static LOOP loop;
    rlt::init(device);
    rlt::malloc(device, loop);
    rlt::init(device, loop, seed);
    double confirmed = 0;
    TI steps = 0;
    while (confirmed < target && steps < MOST) {
        for (const TI goal = steps + EVERY; steps < goal; steps += LANES * N_STEPS)
            rlt::step(device, loop);
        if (score(device, loop, VALIDATION, target) >= target)
            confirmed = score(device, loop, CONFIRMATION, target);
    }
    const double cpu = double(std::clock()) / CLOCKS_PER_SEC;
    using namespace std::chrono;
    const duration<double> now = system_clock::now().time_since_epoch();
    std::cout.precision(9);
    std::cout << "{\"seconds\": " << now.count() - began << ", \"cpu\": " << cpu
              << ", \"steps\": " << steps << ", \"confirmed\": " << confirmed << ", ";
    print_policy(device, loop);
    std::cout << "}\n";
}

void follow() {
    DEVICE device;
    RNG rng;
    balance::Task<double> task;
    balance::Parameters parameters;
    double K[4];
    TI n;
    for (double &k : K) std::cin >> k;
    std::cin >> n;
    std::vector<balance::Error<double>> lanes(n);
    for (auto &x : lanes)
        for (double &e : x.e) std::cin >> e;
    std::cout.precision(17);
    for (TI k = 0; k < balance::PERIODS; k++)
        for (auto &x : lanes) {
            const auto before = x;
            Matrix<double, 1, 1> u;
            rlt::set(u, 0, 0, -std::inner_product(K, K + 4, x.e, 0.0));
            step(device, task, parameters, before, u, x, rng);
            for (double e : x.e) std::cout << e << " ";
            std::cout << reward(device, task, parameters, before, u, x, rng) << " "
                      << terminated(device, task, parameters, x, rng) << "\n";
        }
}

int main(int argc, char **argv) {
    if (argc > 4)
        train(std::stoul(argv[2]), std::stod(argv[3]), std::stod(argv[4]));
    else
        follow();
}
