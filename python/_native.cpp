// manaslu._native: the driver's public door for Python. Everything that takes time runs without the interpreter's lock.
#include "manaslu/Driver.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>

namespace py = pybind11;
using namespace manaslu;

namespace {

/// Raised as manaslu._native.Error(code, message, items); python/manaslu turns it into manaslu.Error.
struct DriverError {
  Error error;
};

template <class T> T unwrap(Result<T> result) {
  if (!result)
    throw DriverError{result.error()};
  return std::move(*result);
}

void unwrap(Status status) {
  if (!status)
    throw DriverError{status.error()};
}

/// NumPy has no bf16: such arrays cross as uint16 and the signature says what they are.
py::dtype dtypeOf(HostType type) { return type == HostType::BF16 ? py::dtype("uint16") : py::dtype(std::string(nameOf(type))); }

py::array toNumpy(const HostArray &array) {
  py::array result(dtypeOf(array.type), array.shape);
  std::memcpy(result.mutable_data(), array.data.data(), array.data.size());
  return result;
}

NamedArrays toHost(const py::dict &arrays, const std::vector<TensorSignature> &signature) {
  NamedArrays named;
  for (auto [key, value] : arrays) {
    std::string name = py::str(key);
    py::array array = py::array::ensure(value, py::array::c_style | py::array::forcecast);
    if (!array)
      throw py::type_error("inputs must be arrays");
    bool bfloat = false;
    for (size_t i = 0; i < signature.size(); ++i)
      bfloat |= signature[i].type == HostType::BF16 && (signature[i].name == name || std::to_string(i) == name);
    std::string dtype = py::str(array.dtype());
    auto type = bfloat && dtype == "uint16" ? HostType::BF16 : hostTypeFromName(dtype);
    if (!type)
      throw DriverError{Error("MN-RUN-INPUT", "input " + name + " has the type " + dtype + ", which no program takes")};
    HostArray host{*type, std::vector<int64_t>(array.shape(), array.shape() + array.ndim()), std::vector<std::byte>(array.nbytes())};
    std::memcpy(host.data.data(), array.data(), host.data.size());
    named.emplace_back(std::move(name), std::move(host));
  }
  return named;
}

py::dict toDictionary(const NamedArrays &arrays) {
  py::dict result;
  for (const auto &[name, array] : arrays)
    result[py::str(name)] = toNumpy(array);
  return result;
}

py::list describeSignature(const std::vector<TensorSignature> &signature) {
  py::list result;
  for (const TensorSignature &entry : signature)
    result.append(
        py::dict(py::arg("name") = entry.name, py::arg("dtype") = std::string(nameOf(entry.type)), py::arg("shape") = py::tuple(py::cast(entry.shape))));
  return result;
}

/// Keys are those of CompileOptions; an unknown one is an error.
CompileOptions optionsFrom(const py::dict &given) {
  CompileOptions options;
  auto known = [&](const std::string &key, py::handle value) {
    if (key == "output")
      options.output = value.cast<std::string>();
    else if (key == "framework")
      options.framework = value.cast<std::string>();
    else if (key == "target")
      options.target = value.cast<std::string>();
    else if (key == "optlevel")
      options.optlevel = value.cast<int>();
    else if (key == "auto_cast")
      options.autoCast = value.cast<std::string>();
    else if (key == "auto_cast_type")
      options.autoCastType = value.cast<std::string>();
    else if (key == "precision")
      options.precision = value.cast<std::string>();
    else if (key == "report")
      options.report = value.cast<std::string>();
    else if (key == "dump_ir")
      options.dumpIr = value.cast<std::string>();
    else if (key == "compile_to")
      options.compileTo = value.cast<std::string>();
    else if (key == "compile_from")
      options.compileFrom = value.cast<std::string>();
    else if (key == "calibration")
      options.calibration = value.cast<std::string>();
    else if (key == "logfile")
      options.logfile = value.cast<std::string>();
    else if (key == "verbose")
      options.verbose = value.cast<std::string>();
    else if (key == "threads")
      options.threads = value.cast<int>();
    else if (key == "strip")
      options.strip = value.cast<bool>();
    else if (key == "trusted")
      options.trusted = value.cast<bool>();
    else if (key == "import_seconds")
      options.importSeconds = value.cast<double>();
    else
      return false;
    return true;
  };
  for (auto [key, value] : given)
    if (!known(py::str(key), value))
      throw DriverError{Error("MN-USE-001", "unknown option '" + std::string(py::str(key)) + "'")};
  return options;
}

py::tuple compileModel(const std::string &model, const std::string &weights, const py::dict &given) {
  CompileOptions options = optionsFrom(given);
  options.model = model;
  options.weights = weights;
  Result<CompileResult> result = Error();
  {
    py::gil_scoped_release release;
    result = compile(options);
  }
  CompileResult done = unwrap(std::move(result));
  return py::make_tuple(done.output, done.report);
}

py::dict runProgram(Program &program, const py::dict &inputs, int threads, bool clock, bool checkLevels, const std::string &trace) {
  NamedArrays arrays = toHost(inputs, program.inputs());
  Result<NamedArrays> outputs = Error();
  {
    py::gil_scoped_release release;
    outputs = program.run(arrays, RunOptions{.threads = threads, .clock = clock, .checkLevels = checkLevels, .trace = trace});
  }
  return toDictionary(unwrap(std::move(outputs)));
}

void translateErrors(py::module_ &module) {
  static py::handle errorType = py::exception<DriverError>(module, "Error").release();
  py::register_exception_translator([](std::exception_ptr pending) {
    try {
      if (pending)
        std::rethrow_exception(pending);
    } catch (const DriverError &problem) {
      py::list items;
      for (const Diagnostic &item : problem.error.items())
        items.append(py::dict(py::arg("code") = item.code, py::arg("message") = item.message, py::arg("where") = item.where));
      std::string code = problem.error.empty() ? "MN-INTERNAL" : problem.error.items().front().code;
      py::tuple arguments = py::make_tuple(code, problem.error.text(), items);
      PyErr_SetObject(errorType.ptr(), arguments.ptr());
    }
  });
}

} // namespace

PYBIND11_MODULE(_native, module) {
  module.doc() = "The compiler and the simulator.";
  translateErrors(module);
  module.def("version", [] { return std::string(version()); });
  module.def("compile", compileModel, py::arg("model"), py::arg("weights"), py::arg("options"), "Compiles; gives (path of the program, report as JSON text).");
  py::class_<Program>(module, "Program")
      .def(py::init([](const std::string &path) {
             Result<Program> program = Error();
             {
               py::gil_scoped_release release;
               program = Program::load(path);
             }
             return std::make_unique<Program>(unwrap(std::move(program)));
           }),
           py::arg("path"))
      .def("run", runProgram, py::arg("inputs"), py::arg("threads") = 0, py::arg("clock") = true, py::arg("check_levels") = false, py::arg("trace") = "")
      .def_property_readonly("inputs", [](const Program &program) { return describeSignature(program.inputs()); })
      .def_property_readonly("outputs", [](const Program &program) { return describeSignature(program.outputs()); })
      .def_property_readonly("states", [](const Program &program) { return describeSignature(program.states()); })
      .def(
          "random_inputs", [](const Program &program, uint64_t seed) { return toDictionary(unwrap(program.randomInputs(seed))); }, py::arg("seed"))
      .def("report", &Program::report)
      .def(
          "mlir", [](const Program &program, const std::string &stage) { return unwrap(program.mlir(stage)); }, py::arg("stage"))
      .def("reset_state", &Program::resetState)
      .def("state", [](const Program &program) { return toDictionary(program.state()); })
      .def("set_state", [](Program &program, const py::dict &arrays) { unwrap(program.setState(toHost(arrays, program.states()))); }, py::arg("arrays"));
}
