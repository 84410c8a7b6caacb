// Tile programs of the tests.
#include "test/Conversion/TileToIsa/Programs.h"

namespace manaslu::test {

namespace {

std::string n(int64_t value) { return std::to_string(value); }

/// A constant region of [blocks * 128 * columns] bf16 elements from parameter `name`.
std::string constant(const std::string &value, const std::string &name, int64_t elements, const std::string &type) {
  return "  " + value + " = tile.region \"" + name + "\" constant [" + n(elements) + "] {pack = [{source = \"p" + name +
         "\", from = 0, at = 0, sizes = array<i64: " + n(elements) +
         ">, source_strides = array<i64: 1>, strides = array<i64: 1>}]} : !tile.buffer<device, 1 by " + n(elements) + " by " + type + ">\n";
}

} // namespace

std::string linearProgram() {
  return "func.func @linear() {\n"
         "  %x = tile.region \"x\" input [128, 64] : !tile.buffer<device, 1 by 8192 by f32>\n" +
         constant("%w", "w", 16384, "bf16") + constant("%b", "b", 128, "f32") +
         "  %y = tile.region \"y\" output [128, 64] : !tile.buffer<device, 1 by 8192 by f32>\n"
         "  %xs = tile.alloc : !tile.buffer<sbuf, 128 by 64 by bf16>\n"
         "  %ws = tile.alloc : !tile.buffer<sbuf, 128 by 128 by bf16>\n"
         "  %bs = tile.alloc : !tile.buffer<sbuf, 128 by 1 by f32>\n"
         "  %ys = tile.alloc : !tile.buffer<sbuf, 128 by 64 by f32>\n"
         "  %acc = tile.alloc : !tile.buffer<psum, 128 by 64 by f32>\n"
         "  %xd = tile.view %x strides [64, 1] : !tile.buffer<device, 1 by 8192 by f32> -> !tile.view<device, [128, 64], f32>\n"
         "  %wd = tile.view %w strides [128, 1] : !tile.buffer<device, 1 by 16384 by bf16> -> !tile.view<device, [128, 128], bf16>\n"
         "  %bd = tile.view %b strides [1, 1] : !tile.buffer<device, 1 by 128 by f32> -> !tile.view<device, [128, 1], f32>\n"
         "  %yd = tile.view %y strides [64, 1] : !tile.buffer<device, 1 by 8192 by f32> -> !tile.view<device, [128, 64], f32>\n"
         "  %xv = tile.view %xs strides [1] : !tile.buffer<sbuf, 128 by 64 by bf16> -> !tile.view<sbuf, [128, 64], bf16>\n"
         "  %wv = tile.view %ws strides [1] : !tile.buffer<sbuf, 128 by 128 by bf16> -> !tile.view<sbuf, [128, 128], bf16>\n"
         "  %bv = tile.view %bs strides [1] : !tile.buffer<sbuf, 128 by 1 by f32> -> !tile.view<sbuf, [128, 1], f32>\n"
         "  %yv = tile.view %ys strides [1] : !tile.buffer<sbuf, 128 by 64 by f32> -> !tile.view<sbuf, [128, 64], f32>\n"
         "  %av = tile.view %acc strides [1] : !tile.buffer<psum, 128 by 64 by f32> -> !tile.view<psum, [128, 64], f32>\n"
         "  tile.load %xv, %xd : !tile.view<sbuf, [128, 64], bf16>, !tile.view<device, [128, 64], f32>\n"
         "  tile.load %wv, %wd : !tile.view<sbuf, [128, 128], bf16>, !tile.view<device, [128, 128], bf16>\n"
         "  tile.load %bv, %bd : !tile.view<sbuf, [128, 1], f32>, !tile.view<device, [128, 1], f32>\n"
         "  tile.matmul %av, %wv, %xv : !tile.view<psum, [128, 64], f32>, !tile.view<sbuf, [128, 128], bf16>, !tile.view<sbuf, [128, 64], bf16>\n"
         "  tile.activate %yv, %av bias %bv {func = \"gelu\"} : !tile.view<sbuf, [128, 64], f32>, !tile.view<psum, [128, 64], f32>, !tile.view<sbuf, [128, 1], "
         "f32>\n"
         "  tile.store %yd, %yv : !tile.view<device, [128, 64], f32>, !tile.view<sbuf, [128, 64], f32>\n"
         "  return\n}\n";
}

std::string loopProgram(int blocks) {
  std::string elements = n(int64_t(blocks) * 128 * 256), device = "!tile.buffer<device, 1 by " + elements + " by f32>";
  return "func.func @loop() {\n  %x = tile.region \"x\" input [" + n(blocks) + ", 128, 256] : " + device + "\n" + constant("%w", "w", 16384, "bf16") +
         "  %y = tile.region \"y\" output [" + n(blocks) + ", 128, 256] : " + device +
         "\n"
         "  %ws = tile.alloc : !tile.buffer<sbuf, 128 by 128 by bf16>\n"
         "  %wd = tile.view %w strides [128, 1] : !tile.buffer<device, 1 by 16384 by bf16> -> !tile.view<device, [128, 128], bf16>\n"
         "  %wv = tile.view %ws strides [1] : !tile.buffer<sbuf, 128 by 128 by bf16> -> !tile.view<sbuf, [128, 128], bf16>\n"
         "  tile.load %wv, %wd : !tile.view<sbuf, [128, 128], bf16>, !tile.view<device, [128, 128], bf16>\n"
         "  %zero = arith.constant 0 : index\n  %one = arith.constant 1 : index\n  %trips = arith.constant " +
         n(blocks) +
         " : index\n"
         "  scf.for %i = %zero to %trips step %one {\n"
         "    %xs = tile.alloc : !tile.buffer<sbuf, 128 by 256 by bf16>\n"
         "    %ys = tile.alloc : !tile.buffer<sbuf, 128 by 256 by f32>\n"
         "    %acc = tile.alloc : !tile.buffer<psum, 128 by 256 by f32>\n"
         "    %xd = tile.view %x[%i] strides [256, 1] {coefficients = array<i64: 32768>} : " +
         device +
         " -> !tile.view<device, [128, 256], f32>\n"
         "    %yd = tile.view %y[%i] strides [256, 1] {coefficients = array<i64: 32768>} : " +
         device +
         " -> !tile.view<device, [128, 256], f32>\n"
         "    %xv = tile.view %xs strides [1] : !tile.buffer<sbuf, 128 by 256 by bf16> -> !tile.view<sbuf, [128, 256], bf16>\n"
         "    %yv = tile.view %ys strides [1] : !tile.buffer<sbuf, 128 by 256 by f32> -> !tile.view<sbuf, [128, 256], f32>\n"
         "    %av = tile.view %acc strides [1] : !tile.buffer<psum, 128 by 256 by f32> -> !tile.view<psum, [128, 256], f32>\n"
         "    tile.load %xv, %xd : !tile.view<sbuf, [128, 256], bf16>, !tile.view<device, [128, 256], f32>\n"
         "    tile.matmul %av, %wv, %xv : !tile.view<psum, [128, 256], f32>, !tile.view<sbuf, [128, 128], bf16>, !tile.view<sbuf, [128, 256], bf16>\n"
         "    tile.activate %yv, %av {func = \"relu\"} : !tile.view<sbuf, [128, 256], f32>, !tile.view<psum, [128, 256], f32>\n"
         "    tile.store %yd, %yv : !tile.view<device, [128, 256], f32>, !tile.view<sbuf, [128, 256], f32>\n"
         "  }\n  return\n}\n";
}

std::string nestedProgram(int m, int k) {
  std::string rows = n(int64_t(m) * 128 * 512), weights = n(int64_t(k) * 128 * 128), inputs = n(int64_t(k) * 128 * 512);
  return "func.func @nested() {\n"
         "  %a = tile.region \"a\" input [" +
         n(m) + ", " + weights + "] : !tile.buffer<device, 1 by " + n(int64_t(m) * k * 16384) +
         " by bf16>\n"
         "  %x = tile.region \"x\" input [" +
         inputs + "] : !tile.buffer<device, 1 by " + inputs +
         " by bf16>\n"
         "  %y = tile.region \"y\" output [" +
         rows + "] : !tile.buffer<device, 1 by " + rows +
         " by f32>\n"
         "  %zero = arith.constant 0 : index\n  %one = arith.constant 1 : index\n  %m = arith.constant " +
         n(m) + " : index\n  %k = arith.constant " + n(k) +
         " : index\n"
         "  scf.for %i = %zero to %m step %one {\n"
         "    %acc = tile.alloc : !tile.buffer<psum, 128 by 512 by f32>\n"
         "    %ys = tile.alloc : !tile.buffer<sbuf, 128 by 512 by f32>\n"
         "    %av = tile.view %acc strides [1] : !tile.buffer<psum, 128 by 512 by f32> -> !tile.view<psum, [128, 512], f32>\n"
         "    %as = tile.alloc : !tile.buffer<sbuf, 128 by 128 by bf16>\n"
         "    %xs = tile.alloc : !tile.buffer<sbuf, 128 by 512 by bf16>\n"
         "    %asv = tile.view %as strides [1] : !tile.buffer<sbuf, 128 by 128 by bf16> -> !tile.view<sbuf, [128, 128], bf16>\n"
         "    %xsv = tile.view %xs strides [1] : !tile.buffer<sbuf, 128 by 512 by bf16> -> !tile.view<sbuf, [128, 512], bf16>\n"
         "    tile.memset %asv {value = 0.0 : f32} : !tile.view<sbuf, [128, 128], bf16>\n"
         "    tile.memset %xsv {value = 0.0 : f32} : !tile.view<sbuf, [128, 512], bf16>\n"
         "    tile.matmul %av, %asv, %xsv : !tile.view<psum, [128, 512], f32>, !tile.view<sbuf, [128, 128], bf16>, !tile.view<sbuf, [128, 512], bf16>\n"
         "    scf.for %j = %zero to %k step %one {\n"
         "      %at = tile.alloc : !tile.buffer<sbuf, 128 by 128 by bf16>\n"
         "      %xt = tile.alloc : !tile.buffer<sbuf, 128 by 512 by bf16>\n"
         "      %ad = tile.view %a[%i, %j] strides [128, 1] {coefficients = array<i64: " +
         weights + ", 16384>} : !tile.buffer<device, 1 by " + n(int64_t(m) * k * 16384) +
         " by bf16> -> !tile.view<device, [128, 128], bf16>\n"
         "      %xd = tile.view %x[%j] strides [512, 1] {coefficients = array<i64: 65536>} : !tile.buffer<device, 1 by " +
         inputs +
         " by bf16> -> !tile.view<device, [128, 512], bf16>\n"
         "      %atv = tile.view %at strides [1] : !tile.buffer<sbuf, 128 by 128 by bf16> -> !tile.view<sbuf, [128, 128], bf16>\n"
         "      %xtv = tile.view %xt strides [1] : !tile.buffer<sbuf, 128 by 512 by bf16> -> !tile.view<sbuf, [128, 512], bf16>\n"
         "      tile.load %atv, %ad : !tile.view<sbuf, [128, 128], bf16>, !tile.view<device, [128, 128], bf16>\n"
         "      tile.load %xtv, %xd : !tile.view<sbuf, [128, 512], bf16>, !tile.view<device, [128, 512], bf16>\n"
         "      tile.matmul %av, %atv, %xtv {accumulate} : !tile.view<psum, [128, 512], f32>, !tile.view<sbuf, [128, 128], bf16>, !tile.view<sbuf, [128, 512], "
         "bf16>\n"
         "    }\n"
         "    %yv = tile.view %ys strides [1] : !tile.buffer<sbuf, 128 by 512 by f32> -> !tile.view<sbuf, [128, 512], f32>\n"
         "    %yd = tile.view %y[%i] strides [512, 1] {coefficients = array<i64: 65536>} : !tile.buffer<device, 1 by " +
         rows +
         " by f32> -> !tile.view<device, [128, 512], f32>\n"
         "    tile.copy %yv, %av : !tile.view<sbuf, [128, 512], f32>, !tile.view<psum, [128, 512], f32>\n"
         "    tile.store %yd, %yv : !tile.view<device, [128, 512], f32>, !tile.view<sbuf, [128, 512], f32>\n"
         "  }\n  return\n}\n";
}

std::string chainProgram(int layers, int blocks) {
  std::string columns = n(int64_t(blocks) * 128), sbuf = "!tile.buffer<sbuf, 128 by " + columns + " by bf16>",
              view = "!tile.view<sbuf, [128, " + columns + "], bf16>";
  std::string device = "!tile.buffer<device, 1 by " + n(int64_t(blocks) * 16384) + " by bf16>";
  std::string text = "func.func @chain() {\n  %x = tile.region \"x\" input [" + n(int64_t(blocks) * 16384) + "] : " + device +
                     "\n  %y = tile.region \"y\" output [" + n(int64_t(blocks) * 16384) + "] : " + device + "\n";
  std::string deviceView = "!tile.view<device, [128, " + columns + "], bf16>";
  text += "  %a0 = tile.alloc : " + sbuf + "\n  %a0v = tile.view %a0 strides [1] : " + sbuf + " -> " + view + "\n  %xd = tile.view %x strides [" + columns +
          ", 1] : " + device + " -> " + deviceView + "\n  tile.load %a0v, %xd : " + view + ", " + deviceView + "\n";
  for (int l = 0; l < layers; ++l) {
    std::string w = "%w" + n(l), ws = w + "s", wv = w + "v", in = "%a" + n(l), out = "%a" + n(l + 1);
    int64_t rowElements = int64_t(blocks) * blocks * 128;
    std::string region = "!tile.buffer<device, 1 by " + n(rowElements * 128) + " by bf16>",
                weights = "!tile.buffer<sbuf, 128 by " + n(rowElements) + " by bf16>";
    std::string weightView = "!tile.view<sbuf, [128, " + n(rowElements) + "], bf16>", weightDevice = "!tile.view<device, [128, " + n(rowElements) + "], bf16>";
    text += constant(w, "w" + n(l), rowElements * 128, "bf16");
    text += "  " + ws + " = tile.alloc : " + weights + "\n  " + wv + " = tile.view " + ws + " strides [1] : " + weights + " -> " + weightView + "\n  " + w +
            "d = tile.view " + w + " strides [" + n(rowElements) + ", 1] : " + region + " -> " + weightDevice + "\n  tile.load " + wv + ", " + w +
            "d : " + weightView + ", " + weightDevice + "\n";
    text += "  " + out + " = tile.alloc : " + sbuf + "\n";
    for (int m = 0; m < blocks; ++m) {
      std::string acc = "%acc" + n(l) + "_" + n(m), id = n(l) + "_" + n(m);
      text += "  " + acc + " = tile.alloc : !tile.buffer<psum, 128 by 128 by f32>\n  " + acc + "v = tile.view " + acc +
              " strides [1] : !tile.buffer<psum, 128 by 128 by f32> -> !tile.view<psum, [128, 128], f32>\n";
      for (int k = 0; k < blocks; ++k) {
        std::string s = "%s" + id + "_" + n(k), v = "%m" + id + "_" + n(k);
        text += "  " + s + " = tile.view " + ws + " strides [1] {offset = " + n((int64_t(m) * blocks + k) * 128) + "} : " + weights +
                " -> !tile.view<sbuf, [128, 128], bf16>\n";
        text += "  " + v + " = tile.view " + in + " strides [1] {offset = " + n(int64_t(k) * 128) + "} : " + sbuf + " -> !tile.view<sbuf, [128, 128], bf16>\n";
        text += "  tile.matmul " + acc + "v, " + s + ", " + v + (k ? " {accumulate}" : "") +
                " : !tile.view<psum, [128, 128], f32>, !tile.view<sbuf, [128, 128], bf16>, !tile.view<sbuf, [128, 128], bf16>\n";
      }
      text += "  %o" + id + " = tile.view " + out + " strides [1] {offset = " + n(int64_t(m) * 128) + "} : " + sbuf +
              " -> !tile.view<sbuf, [128, 128], bf16>\n  tile.activate %o" + id + ", " + acc +
              "v {func = \"tanh\"} : !tile.view<sbuf, [128, 128], bf16>, !tile.view<psum, [128, 128], f32>\n";
    }
  }
  std::string last = "%a" + n(layers);
  text += "  %yv = tile.view " + last + " strides [1] : " + sbuf + " -> " + view + "\n  %yd = tile.view %y strides [" + columns + ", 1] : " + device + " -> " +
          deviceView + "\n  tile.store %yd, %yv : " + deviceView + ", " + view + "\n  return\n}\n";
  return text;
}

std::string hoardProgram(int values, int elements) {
  std::string count = n(int64_t(128) * elements), device = "!tile.buffer<device, 1 by " + count + " by f32>",
              sbuf = "!tile.buffer<sbuf, 128 by " + n(elements) + " by f32>";
  std::string view = "!tile.view<sbuf, [128, " + n(elements) + "], f32>", deviceView = "!tile.view<device, [128, " + n(elements) + "], f32>";
  std::string text = "func.func @hoard() {\n  %x = tile.region \"x\" input [" + count + "] : " + device + "\n  %y = tile.region \"y\" output [" + count +
                     "] : " + device + "\n" + constant("%c", "c", int64_t(128) * elements, "f32");
  auto whole = [&](const std::string &name, bool onDevice) {
    return "  " + name + "v = tile.view " + name + " strides [" + (onDevice ? n(elements) + ", " : "") + "1] : " + (onDevice ? device : sbuf) + " -> " +
           (onDevice ? deviceView : view) + "\n";
  };
  text += whole("%x", true) + whole("%y", true) + whole("%c", true);
  text += "  %k = tile.alloc : " + sbuf + "\n" + whole("%k", false) + "  tile.load %kv, %cv : " + view + ", " + deviceView + "\n";
  text += "  %t0 = tile.alloc : " + sbuf + "\n" + whole("%t0", false) + "  tile.load %t0v, %xv : " + view + ", " + deviceView + "\n";
  std::string three = view + ", " + view + ", " + view + "\n";
  for (int i = 1; i < values; ++i)
    text += "  %t" + n(i) + " = tile.alloc : " + sbuf + "\n" + whole("%t" + n(i), false) + "  tile.tensor_tensor %t" + n(i) + "v, %t" + n(i - 1) + "v, " +
            (i == 1 ? "%kv" : "%t" + n(i - 1) + "v") + " {op = \"" + (i % 2 ? "add" : "mul") + "\"} : " + three;
  for (int i = values - 1; i > 0; --i)
    text += "  tile.tensor_tensor %t" + n(i - 1) + "v, %t" + n(i - 1) + "v, %t" + n(i) + "v {op = \"sub\"} : " + three;
  text += "  tile.tensor_tensor %t0v, %t0v, %kv {op = \"add\"} : " + three;
  return text + "  tile.store %yv, %t0v : " + deviceView + ", " + view + "\n  return\n}\n";
}

std::string softmaxProgram(int heads) {
  std::string width = n(int64_t(heads) * 128), elements = n(int64_t(heads) * 16384), all = "!tile.buffer<sbuf, 128 by " + width + " by bf16>",
              device = "!tile.buffer<device, 1 by " + elements + " by bf16>", wide = "!tile.view<sbuf, [128, " + width + "], bf16>",
              wideDevice = "!tile.view<device, [128, " + width + "], bf16>", psum = "!tile.view<psum, [128, 128], f32>",
              square = "!tile.view<sbuf, [128, 128], bf16>", column = "!tile.view<sbuf, [128, 1], f32>";
  auto region = [&](const std::string &name, const std::string &kind) {
    return "  %" + name + " = tile.region \"" + name + "\" " + kind + " [" + elements + "] : " + device + "\n  %" + name + "d = tile.view %" + name +
           " strides [" + width + ", 1] : " + device + " -> " + wideDevice + "\n  %" + name + "s = tile.alloc : " + all + "\n  %" + name + "v = tile.view %" +
           name + "s strides [1] : " + all + " -> " + wide + "\n";
  };
  auto local = [&](const std::string &name, const std::string &space, const std::string &columns, const std::string &type) {
    std::string buffer = "!tile.buffer<" + space + ", 128 by " + columns + " by " + type + ">";
    return "    %" + name + " = tile.alloc : " + buffer + "\n    %" + name + "v = tile.view %" + name + " strides [1] : " + buffer + " -> !tile.view<" + space +
           ", [128, " + columns + "], " + type + ">\n";
  };
  auto head = [&](const std::string &name) {
    return "    %" + name + "h = tile.view %" + name + "s[%i] strides [1] {coefficients = array<i64: 128>} : " + all + " -> " + square + "\n";
  };
  return "func.func @softmax() {\n" + region("x", "input") + region("y", "output") + "  tile.load %xv, %xd : " + wide + ", " + wideDevice +
         "\n  %zero = arith.constant 0 : index\n  %one = arith.constant 1 : index\n  %heads = arith.constant " + n(heads) +
         " : index\n  scf.for %i = %zero to %heads step %one {\n" + head("x") + head("y") + local("s", "psum", "128", "f32") +
         local("t", "psum", "128", "bf16") + local("o", "psum", "128", "f32") + local("m", "sbuf", "1", "f32") + local("p", "sbuf", "128", "bf16") +
         local("q", "sbuf", "128", "bf16") + "    tile.matmul %sv, %xh, %xh : " + psum + ", " + square + ", " + square +
         "\n    tile.reduce %mv, %sv {op = \"max\", axes = 1 : i64, negate} : " + column + ", " + psum +
         "\n    tile.activate %pv, %sv bias %mv {func = \"exp\"} : " + square + ", " + psum + ", " + column +
         "\n    tile.transpose %tv, %pv : !tile.view<psum, [128, 128], bf16>, " + square + "\n    tile.copy %qv, %tv : " + square +
         ", !tile.view<psum, [128, 128], bf16>\n    tile.matmul %ov, %qv, %xh : " + psum + ", " + square + ", " + square +
         "\n    tile.copy %yh, %ov : " + square + ", " + psum + "\n  }\n  tile.store %yd, %yv : " + wideDevice + ", " + wide + "\n  return\n}\n";
}

std::string pairProgram(int count, int shift) {
  int64_t blocks = count + shift;
  std::string width = n(blocks * 64), elements = n(blocks * 64 * 128), sbuf = "!tile.buffer<sbuf, 128 by " + width + " by f32>",
              device = "!tile.buffer<device, 1 by " + elements + " by f32>", wide = "!tile.view<sbuf, [128, " + width + "], f32>",
              wideDevice = "!tile.view<device, [128, " + width + "], f32>", block = "!tile.view<sbuf, [128, 64], f32>";
  std::string text =
      "func.func @pair() {\n  %zero = arith.constant 0 : index\n  %one = arith.constant 1 : index\n  %count = arith.constant " + n(count) + " : index\n";
  for (std::string name : {"x", "y", "z"})
    text += "  %" + name + "s = tile.alloc : " + sbuf + "\n  %" + name + "v = tile.view %" + name + "s strides [1] : " + sbuf + " -> " + wide + "\n";
  for (auto [name, kind] : {std::pair("x", "input"), std::pair("z", "output")})
    text += "  %" + std::string(name) + " = tile.region \"" + name + "\" " + kind + " [" + elements + "] : " + device + "\n  %" + name + "d = tile.view %" +
            name + " strides [" + width + ", 1] : " + device + " -> " + wideDevice + "\n";
  text += "  tile.load %xv, %xd : " + wide + ", " + wideDevice + "\n  tile.memset %yv {value = 3.0 : f32} : " + wide +
          "\n  tile.memset %zv {value = 5.0 : f32} : " + wide + "\n";
  auto loop = [&](const std::string &from, const std::string &to, int ahead, const std::string &step) {
    return "  scf.for %i = %zero to %count step %one {\n    %a = tile.view %" + from + "s[%i] strides [1] {offset = " + n(int64_t(ahead) * 64) +
           ", coefficients = array<i64: 64>} : " + sbuf + " -> " + block + "\n    %b = tile.view %" + to +
           "s[%i] strides [1] {coefficients = array<i64: 64>} : " + sbuf + " -> " + block + "\n    tile.tensor_scalar %b, %a {" + step + "} : " + block + ", " +
           block + "\n  }\n";
  };
  text += loop("x", "y", 0, "op0 = \"mul\", imm0 = 2.0 : f32") + loop("y", "z", shift, "op0 = \"add\", imm0 = 1.0 : f32");
  return text + "  tile.store %zd, %zv : " + wideDevice + ", " + wide + "\n  return\n}\n";
}

std::string burstProgram(int layers, int held) {
  std::string wide = "!tile.view<sbuf, [128, 2048], bf16>", chunk = "!tile.view<sbuf, [128, 512], bf16>", square = "!tile.view<sbuf, [128, 128], bf16>",
              psum = "!tile.view<psum, [128, 512], f32>", device = "!tile.view<device, [128, 2048], bf16>", bank = "!tile.buffer<psum, 128 by 512 by f32>",
              whole = "!tile.buffer<sbuf, 128 by 2048 by bf16>", region = "!tile.buffer<device, 1 by 262144 by bf16>";
  auto alloc = [](const std::string &name, const std::string &buffer, const std::string &view) {
    return "  %" + name + "s = tile.alloc : " + buffer + "\n  %" + name + "v = tile.view %" + name + "s strides [1] : " + buffer + " -> " + view + "\n";
  };
  auto part = [&](const std::string &name, const std::string &of, int at) {
    return "  %" + name + " = tile.view %" + of + "s strides [1] {offset = " + n(at * 512) + "} : " + whole + " -> " + chunk + "\n";
  };
  std::string text = "func.func @burst() {\n";
  for (auto [name, kind] : {std::pair("x", "input"), std::pair("y", "output")})
    text += "  %" + std::string(name) + " = tile.region \"" + name + "\" " + kind + " [262144] : " + region + "\n  %" + name + "d = tile.view %" + name +
            " strides [2048, 1] : " + region + " -> " + device + "\n";
  text += alloc("w", "!tile.buffer<sbuf, 128 by 128 by bf16>", square) + "  tile.memset %wv {value = 0.01 : f32} : " + square + "\n" +
          alloc("a0", whole, wide) + "  tile.load %a0v, %xd : " + wide + ", " + device + "\n";
  for (int h = 0; h < held; ++h)
    text += alloc("h" + n(h), bank, psum) + "  tile.memset %h" + n(h) + "v {value = 0.5 : f32} : " + psum + "\n";
  for (int l = 0; l < layers; ++l) {
    std::string from = "a" + n(l), mid = "b" + n(l), to = "a" + n(l + 1);
    text += alloc(mid, whole, wide) + alloc(to, whole, wide);
    for (int c = 0; c < 4; ++c) {
      std::string id = n(l) + "_" + n(c);
      text += alloc("p" + id, bank, psum) + part("i" + id, from, c) + part("o" + id, mid, c);
      for (int k = 0; k < 4; ++k)
        text += "  tile.matmul %p" + id + "v, %wv, %i" + id + (k ? " {accumulate}" : "") + " : " + psum + ", " + square + ", " + chunk + "\n";
      text += "  tile.activate %o" + id + ", %p" + id + "v {func = \"tanh\"} : " + chunk + ", " + psum + "\n";
    }
    text += "  tile.tensor_tensor %" + to + "v, %" + from + "v, %" + mid + "v {op = \"add\"} : " + wide + ", " + wide + ", " + wide + "\n";
  }
  for (int h = 0; h < held; ++h)
    text += part("k" + n(h), "a" + n(layers), 0) + "  tile.tensor_tensor %k" + n(h) + ", %k" + n(h) + ", %h" + n(h) + "v {op = \"add\"} : " + chunk + ", " +
            chunk + ", " + psum + "\n";
  return text + "  tile.store %yd, %a" + n(layers) + "v : " + device + ", " + wide + "\n  return\n}\n";
}

} // namespace manaslu::test
