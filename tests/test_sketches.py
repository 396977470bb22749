"""The sketches of docs/howto/drive.md, compiled and run on this computer."""

import re
import shutil
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest

import hybridctl as hc

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "drive.md"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++"),
]
ARDUINO = r"""
#pragma once
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <poll.h>
#include <unistd.h>
#define IRAM_ATTR
using std::isfinite;

struct hw_timer_t {};
extern void (*ticker)();
extern unsigned long alarm_us;
inline hw_timer_t *timerBegin(uint32_t) { static hw_timer_t timer; return &timer; }
inline void timerAttachInterrupt(hw_timer_t *, void (*call)()) { ticker = call; }
inline void timerAlarm(hw_timer_t *, uint64_t us, bool, uint64_t) { alarm_us = us; }
unsigned long millis();

struct Port {  // as Arduino's: numbers end where something else begins
    int fd, next = -1;
    void begin(long) {}
    void setTimeout(long) {}
    bool available() { struct pollfd p = {fd, POLLIN, 0};
        return next >= 0 || (poll(&p, 1, 0) > 0 && (p.revents & POLLIN)); }
    int peek() { unsigned char c;
        if (next < 0 && ::read(fd, &c, 1) == 1) { next = c; } return next; }
    int read() { int c = peek(); next = -1; return c; }
    std::string number(const char *letters) {
        std::string text;
        while (!isdigit(peek()) && peek() != '-') { read(); }
        while (isdigit(peek()) || (peek() > 0 && std::string(letters).find((char)peek())
               != std::string::npos)) { text += (char)read(); }
        return text; }
    double parseFloat() { return atof(number("-.").c_str()); }
    long parseInt() { return atol(number("-").c_str()); }
    void say(const std::string &text) {
        if (::write(fd, text.data(), text.size()) < 0) { abort(); } }
    void print(const char *text) { say(text); }
    void print(char c) { say(std::string(1, c)); }
    void print(long n) { say(std::to_string(n)); }
    void print(double v, int digits) {
        char text[64]; snprintf(text, 64, "%.*f", digits, v); say(text); }
};
extern Port Serial;
"""
BOARD = """
#include "plant.h"
#include "sketch.cpp"
void (*ticker)();
unsigned long alarm_us;
Port Serial;
static plant_state plant;
static double x[4], force[1];
void measure(float y[4]) { for (int i = 0; i < 4; i++) { y[i] = (float)x[i]; } }
void motor(float u) { force[0] = u; }
unsigned long millis() { return 0; }
int main(int argc, char **argv) {
    plant_init(&plant);
    for (int i = 0; i < 4; i++) { plant.STATE[i] = x[i] = atof(argv[1 + i]); }
    setup();
    for (int k = 0; k < 250; k++) {
        ticker();
        if (k % 100 < 98) { loop(); }  // what keeps the board from it makes two late
        for (int i = 0; i < 20; i++) { plant_step(&plant, 0.0, force, x); }
    }
    printf("%lu %u %d %.9g %.9g\\n", alarm_us, late, off, force[0], x[1]);
}
"""
WIRE = """
#include <chrono>
#include <fcntl.h>
#include <termios.h>
#include "plant.h"
#include "sketch.cpp"
void (*ticker)();
unsigned long alarm_us;
Port Serial;
static plant_state plant;
static double x[4], force[1];
void measure(double y[4]) { for (int i = 0; i < 4; i++) { y[i] = x[i]; } }
void motor(double u) { force[0] = u; }
unsigned long millis() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}
int main(int argc, char **argv) {
    struct termios raw;
    plant_init(&plant);
    for (int i = 0; i < 4; i++) { plant.STATE[i] = x[i] = atof(argv[1 + i]); }
    Serial.fd = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(Serial.fd);
    unlockpt(Serial.fd);
    tcgetattr(Serial.fd, &raw);
    cfmakeraw(&raw);
    tcsetattr(Serial.fd, TCSANOW, &raw);
    printf("%s\\n", ptsname(Serial.fd));
    fflush(stdout);
    if (open(ptsname(Serial.fd), O_RDWR | O_NOCTTY) < 0) { return 1; }
    setup();
    unsigned long began = millis(), steps = 0;
    struct pollfd end = {0, POLLIN, 0};
    double last = 1e9;
    while (poll(&end, 1, 0) == 0) {
        for (; steps < millis() - began; steps++) { plant_step(&plant, 0.0, force, x); }
        loop();
        if (force[0] != last) { printf("%.17g\\n", last = force[0]); }
        usleep(50);
    }
}
"""


def sketch(name):
    """The code below a mark of the page."""
    found = re.search(
        rf"<!-- sketch: {name} -->\n```\w+\n(.*?)```", PAGE.read_text("utf-8"), re.S
    )
    return found[1]


def built(name, main, folder):
    """A program of a sketch, on the simulated cart-pole."""
    from benchmarks.lib import rig

    plant = rig.binary(hc.CartPole).parent
    names = {"Arduino.h": ARDUINO, "sketch.cpp": sketch(name), "main.cpp": main}
    for file, text in names.items():
        (folder / file).write_text(text, encoding="utf-8")
    sources = [plant / "plant.c", *folder.glob("*.c")]
    header = (plant / "plant.h").read_text(encoding="utf-8")
    field = re.search(r"double (\w+)\[4\]; *\n} plant_state", header)
    for source in sources:
        subprocess.run(["gcc", "-c", "-O2", source], cwd=folder, check=True)
    command = ["g++", "-std=c++11", "-Wall", "-Wextra", "-Wno-unused-parameter"]
    command += ["-I.", f"-I{plant}", f"-DSTATE={field[1]}", "-o", "run", "main.cpp"]
    subprocess.run([*command, *folder.glob("*.o")], cwd=folder, check=True)
    return folder / "run"


def lqr(dt):
    plant = hc.CartPole()
    return hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=[0.1], dt=dt)


def test_the_sketch_for_a_board_holds_the_pole(tmp_path):
    hc.export(lqr(0.02), tmp_path / "pilot.c", dt=0.02, real="float")
    program = built("board", BOARD, tmp_path)
    start = ["0", str(np.pi - 0.1), "0", "0"]
    done = subprocess.run(
        [program, *start], capture_output=True, encoding="utf-8", check=True
    )
    period, late, off, force, theta = map(float, done.stdout.split())
    assert (period, late, off) == (20000, 4, 0)
    assert abs(theta - np.pi) < 1e-2 and abs(force) < 0.5
    start[0] = "0.6"  # beyond its limit
    done = subprocess.run(
        [program, *start], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.split()[2:4] == ["1", "0"]


def test_the_sketch_for_a_line_is_a_rig(tmp_path):
    program = built("line", WIRE, tmp_path)
    for _ in range(3):  # a machine that stalls lets any pole fall
        log, alive, seen = driven(program)
        if np.nanmax(log["jitter"]) < 0.05:
            break
    assert alive and np.nanmax(abs(log["theta"] - np.pi)) < 0.1
    assert seen[-2:] == [1e-6, 0.0]
    assert len(log) == 101 and len(seen) > 20


def driven(program):
    """The log of a drive, whether the rig ran after it, and what the rig was told."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    start = ["0", str(np.pi - 0.02), "0", "0"]
    with subprocess.Popen([program, *start], **pipes) as rig:
        device = rig.stdout.readline().strip()
        with hc.deploy.Line.serial(device, wait=0.015) as line:
            pilot = hc.embed(lqr(0.02), dt=0.02)
            log = hc.drive(
                pilot, line.read, line.write, 0.02, 2.0, safe=[1e-6], most_missing=30,
                timeout=20.0,
            )  # fmt: skip
            alive = rig.poll() is None
            time.sleep(0.25)  # its own watchdog
        return log, alive, list(map(float, rig.communicate()[0].split()))


def test_the_node_of_ros_drives(tmp_path, monkeypatch):
    """Against a few lines that stand for ROS."""
    sent, state = [], {"on": True}

    class Node:
        def __init__(self, name):
            state["node"] = self

        def create_subscription(self, kind, topic, call, depth):
            state["call"] = call

        def create_publisher(self, kind, topic, depth):
            return types.SimpleNamespace(publish=lambda m: sent.append(m.data))

        def get_logger(self):
            return types.SimpleNamespace(info=lambda told: state.update(told=told))

    def spin(node):
        while state["on"]:
            row = {"name": ["pole", "cart"], "position": [3.1, 0.0]}
            state["call"](types.SimpleNamespace(**row, velocity=[0.2, 0.1]))
            time.sleep(0.002)

    numbers = lambda data: types.SimpleNamespace(data=data)  # noqa: E731
    parts = {
        "rclpy": {"init": lambda **k: None, "spin": spin, "shutdown": lambda: None},
        "rclpy.node": {"Node": Node},
        "rclpy.signals": {"SignalHandlerOptions": types.SimpleNamespace(NO=0)},
        "sensor_msgs.msg": {"JointState": object},
        "std_msgs.msg": {"Float64": numbers},
    }
    for name, content in parts.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.chdir(tmp_path)
    hc.save("machine.safetensors", lqr(0.01))
    node = {"__name__": "node"}
    exec(compile(sketch("ros"), "node.py", "exec"), node)
    node["main"](seconds=0.3)
    state["on"] = False
    assert state["told"].startswith("after 0.3 s") and sent[-1] == 0.0
    log = hc.Log.from_csv("run.csv")
    assert np.nanmax(log["theta"]) == 3.1 and np.nanmax(log["dx"]) == 0.1
    assert threading.active_count() < 20
