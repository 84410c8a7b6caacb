// Packets of a Perfetto trace. Numbers of fields are those of Perfetto's trace_packet.proto, track_event.proto, track_descriptor.proto and interned_data.proto.
#include "lib/Sim/Trace/Perfetto.h"

#include <algorithm>

namespace manaslu::sim {

namespace {

namespace trace_packet {
enum : uint32_t { Timestamp = 8, SequenceId = 10, TrackEvent = 11, InternedData = 12, SequenceFlags = 13, TrackDescriptor = 60 };
enum : uint64_t { StateCleared = 1, NeedsState = 2 };
} // namespace trace_packet

namespace track_event {
enum : uint32_t {
  CategoryIid = 3,
  Annotation = 4,
  Type = 9,
  NameIid = 10,
  TrackUuid = 11,
  CounterValue = 30,
  SourceLocationIid = 34,
  FlowId = 47,
  TerminatingFlowId = 48,
  /// No field of TrackEvent; readers skip it. Its key is as long as that of FlowId, which takes its place when a flow begins.
  NoFlow = 999
};
enum : uint64_t { SliceBegin = 1, SliceEnd = 2, Instant = 3, Counter = 4 };
} // namespace track_event

namespace annotation {
enum : uint32_t { NameIid = 1, Uint = 3, TextIid = 17 };
}

namespace descriptor {
enum : uint32_t { Uuid = 1, Name = 2, Process = 3, ParentUuid = 5, Counter = 8, ChildOrdering = 11, Rank = 12 };
enum : uint32_t { ProcessPid = 1, ProcessName = 6, CounterUnit = 3 };
enum : uint64_t { OrderExplicit = 3, UnitBytes = 3 };
} // namespace descriptor

namespace interned {
enum : uint32_t { Category = 1, Iid = 1, Text = 2, Line = 4 };
}

enum Category : uint32_t { kWork = 1, kIssue, kTransfer, kControl, kWait, kProgram };
constexpr std::string_view kCategories[] = {"work", "issue", "transfer", "control", "wait", "program"};

// Tracks. The process is the core.
constexpr uint64_t kCore = 1, kProgramTrack = 2, kFirstStream = 8, kMovers = 32, kSbuf = 33, kPsum = 34, kFirstMover = 64;
uint64_t trackOf(isa::StreamId stream) { return kFirstStream + static_cast<uint64_t>(stream); }
uint64_t trackOfMover(int mover) { return kFirstMover + static_cast<uint64_t>(mover); }

constexpr uint64_t kSequence = 1;
/// Bytes of one place for a flow: two of the key, eight of the number.
constexpr uint64_t kPlace = 10;
constexpr size_t kMaxText = 200;

/// "OPERATOR at FILE:LINE, ...": the first operator, its file and line. Either part may be missing.
struct Source {
  std::string_view name, file;
  uint64_t line = 0;
};

Source sourceOf(std::string_view location) {
  Source source{location.substr(0, location.find(", ")), {}, 0};
  size_t at = source.name.rfind(" at ");
  std::string_view place = at == std::string_view::npos ? source.name : source.name.substr(at + 4);
  size_t colon = place.rfind(':');
  std::string_view digits = colon == std::string_view::npos ? std::string_view() : place.substr(colon + 1);
  if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return source;
  source.file = place.substr(0, colon);
  for (char digit : digits)
    source.line = source.line * 10 + static_cast<uint64_t>(digit - '0');
  source.name = source.name.substr(0, at == std::string_view::npos ? 0 : at);
  return source;
}

/// At most kMaxText bytes, cut between characters of UTF-8.
std::string_view shortened(std::string_view text) {
  if (text.size() <= kMaxText)
    return text;
  size_t end = kMaxText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  return text.substr(0, end);
}

uint64_t nanoseconds(int64_t picoseconds) { return static_cast<uint64_t>(picoseconds / 1000); }

} // namespace

PerfettoTrace::PerfettoTrace(const std::string &path, const isa::Program &program, const Chip &chip)
    : program_(program), chip_(chip), file_(path), sbuf_(chip.partitions, chip.sbufBytesPerPartition), psum_(chip.partitions, chip.psumBytesPerPartition()) {
  for (const auto &[id, code] : program.streams) {
    StreamState &state = streams_[static_cast<size_t>(id)];
    state.code = &code;
    state.labels.resize(code.size());
    for (const isa::Instruction &instruction : code)
      if (uint16_t semaphore = isa::syncOf(instruction).waitSem; semaphore != isa::kNoSemaphore)
        if (auto &waiters = waiters_[semaphore]; waiters.empty() || waiters.back() != id)
          waiters.push_back(id);
  }
}

Result<std::unique_ptr<PerfettoTrace>> PerfettoTrace::create(const std::string &path, const isa::Program &program, const Chip &chip) {
  std::unique_ptr<PerfettoTrace> trace(new PerfettoTrace(path, program, chip));
  if (Status status = trace->file_.create(); !status)
    return status.error();
  trace->describeTracks();
  trace->openProgram();
  return trace;
}

void PerfettoTrace::openPacket(uint64_t flags) {
  packet_.clear();
  packet_.number(trace_packet::SequenceId, kSequence);
  packet_.number(trace_packet::SequenceFlags, flags);
}

void PerfettoTrace::packet(uint32_t field, const Message &content) {
  packet_.message(field, content);
  framed_.clear();
  framed_.message(1, packet_);
  file_.append(framed_.bytes());
}

void PerfettoTrace::describeTrack(uint64_t uuid, uint64_t parent, std::string_view name, bool counter) {
  Message track;
  track.number(descriptor::Uuid, uuid);
  track.bytes(descriptor::Name, name);
  track.number(descriptor::ParentUuid, parent);
  track.number(descriptor::Rank, uuid);
  track.number(descriptor::ChildOrdering, descriptor::OrderExplicit);
  if (counter) {
    Message unit;
    unit.number(descriptor::CounterUnit, descriptor::UnitBytes);
    track.message(descriptor::Counter, unit);
  }
  openPacket(trace_packet::NeedsState);
  packet(trace_packet::TrackDescriptor, track);
}

void PerfettoTrace::describeTracks() {
  Message process, core, categories;
  process.number(descriptor::ProcessPid, 1);
  process.bytes(descriptor::ProcessName, chip_.name + " (simulated)");
  core.number(descriptor::Uuid, kCore);
  core.message(descriptor::Process, process);
  core.number(descriptor::ChildOrdering, descriptor::OrderExplicit);
  openPacket(trace_packet::StateCleared);
  packet(trace_packet::TrackDescriptor, core);
  describeTrack(kProgramTrack, kCore, "program");
  for (const auto &[id, code] : program_.streams)
    describeTrack(trackOf(id), kCore, isa::nameOf(id));
  describeTrack(kMovers, kCore, "DMA movers");
  for (int mover = 0; mover < chip_.dmaMovers; ++mover)
    describeTrack(trackOfMover(mover), kMovers, "mover " + std::to_string(mover));
  describeTrack(kSbuf, kCore, "SBUF bytes in use", /*counter=*/true);
  describeTrack(kPsum, kCore, "PSUM bytes in use", /*counter=*/true);
  for (uint32_t i = 0; i < std::size(kCategories); ++i) {
    Message category;
    category.number(interned::Iid, i + 1);
    category.bytes(interned::Text, kCategories[i]);
    categories.message(interned::Category, category);
  }
  openPacket(trace_packet::NeedsState);
  packet(trace_packet::InternedData, categories);
}

/// A slice over the whole run that says what the trace shows.
void PerfettoTrace::openProgram() {
  exactName_ = intern(annotations_, "picoseconds");
  waitName_ = intern(names_, "wait");
  uint64_t name = intern(names_, program_.name + " on " + chip_.name + " (simulated)");
  Message labels;
  annotate(labels, "simulated", 1);
  annotateText(labels, "chip", chip_.name);
  annotateText(labels, "chip_description", chip_.description);
  annotateText(labels, "program", program_.name);
  begin(track_event::SliceBegin, kProgramTrack, kProgram, name);
  event_.append(labels.bytes());
  put(0);
}

/// The number of an entry of a table, which is written when it is new.
uint64_t PerfettoTrace::define(Interned &table, std::string_view key, const Message &fields) {
  if (auto found = table.numbers.find(key); found != table.numbers.end())
    return found->second;
  uint64_t number = table.numbers.size() + 1;
  table.numbers.emplace(key, number);
  Message entry, data;
  entry.number(interned::Iid, number);
  entry.append(fields.bytes());
  data.message(table.kind, entry);
  openPacket(trace_packet::NeedsState);
  packet(trace_packet::InternedData, data);
  return number;
}

uint64_t PerfettoTrace::intern(Interned &table, std::string_view text) {
  Message fields;
  fields.bytes(interned::Text, shortened(text));
  return define(table, shortened(text), fields);
}

uint64_t PerfettoTrace::internLocation(std::string_view file, uint64_t line) {
  Message fields;
  fields.bytes(interned::Text, shortened(file));
  fields.number(interned::Line, line);
  return define(sources_, fields.bytes(), fields);
}

void PerfettoTrace::annotate(Message &event, std::string_view name, uint64_t value) {
  Message entry;
  entry.number(annotation::NameIid, intern(annotations_, name));
  entry.number(annotation::Uint, value);
  event.message(track_event::Annotation, entry);
}

void PerfettoTrace::annotateText(Message &event, std::string_view name, std::string_view text) {
  Message entry;
  entry.number(annotation::NameIid, intern(annotations_, name));
  entry.number(annotation::TextIid, intern(texts_, text));
  event.message(track_event::Annotation, entry);
}

const PerfettoTrace::Label &PerfettoTrace::labelOf(isa::StreamId stream, uint32_t index) {
  Label &label = streams_[static_cast<size_t>(stream)].labels[index];
  if (!label.fields.empty())
    return label;
  const isa::Instruction &instruction = (*streams_[static_cast<size_t>(stream)].code)[index];
  const isa::DebugEntry *debug = program_.debugOf(stream, index);
  Source source = sourceOf(debug ? std::string_view(debug->location) : std::string_view());
  Message fields;
  label.name = intern(names_, source.name.empty() ? isa::mnemonicOf(instruction) : source.name);
  if (source.line > 0)
    fields.number(track_event::SourceLocationIid, internLocation(source.file, source.line));
  annotateText(fields, "instruction", isa::mnemonicOf(instruction));
  annotate(fields, "index", index);
  if (debug) {
    annotate(fields, "tile_operation", debug->tileOp);
    if (!debug->location.empty())
      annotateText(fields, "from", debug->location);
  }
  label.fields = fields.bytes();
  uint16_t semaphore = isa::syncOf(instruction).signalSem;
  label.consumers = semaphore == isa::kNoSemaphore ? 0 : static_cast<int>(waiters_[semaphore].size());
  return label;
}

void PerfettoTrace::begin(uint64_t type, uint64_t track, uint32_t category, uint64_t name) {
  event_.clear();
  event_.number(track_event::Type, type);
  event_.number(track_event::TrackUuid, track);
  event_.number(track_event::CategoryIid, category);
  event_.number(track_event::NameIid, name);
}

TraceMark PerfettoTrace::put(int64_t timePs, int room) {
  for (int i = 0; i < room; ++i)
    event_.fixed(track_event::NoFlow, 0);
  openPacket(trace_packet::NeedsState);
  packet_.number(trace_packet::Timestamp, nanoseconds(timePs));
  packet(trace_packet::TrackEvent, event_);
  return room > 0 ? file_.end() - kPlace * static_cast<uint64_t>(room) : 0;
}

void PerfettoTrace::end(uint64_t track, int64_t timePs) {
  event_.clear();
  event_.number(track_event::Type, track_event::SliceEnd);
  event_.number(track_event::TrackUuid, track);
  put(timePs);
}

/// A flow is named by the place where it begins, so that both ends are known when the second is written.
void PerfettoTrace::putFlows(StreamState &state) {
  for (uint64_t place : state.flows) {
    Message flow;
    flow.fixed(track_event::FlowId, place);
    file_.patch(place, flow.bytes());
    event_.fixed(track_event::TerminatingFlowId, place);
  }
  state.flows.clear();
}

void PerfettoTrace::follows(isa::StreamId stream, uint16_t semaphore, TraceMark mark) {
  if (mark == 0)
    return;
  const auto &waiters = waiters_[semaphore];
  auto slot = static_cast<uint64_t>(std::find(waiters.begin(), waiters.end(), stream) - waiters.begin());
  streams_[static_cast<size_t>(stream)].flows.push_back(mark + kPlace * slot);
}

TraceMark PerfettoTrace::slice(const TraceEvent &event, uint32_t category, bool startsFlows) {
  const Label &label = labelOf(event.stream, event.instruction);
  begin(track_event::SliceBegin, trackOf(event.stream), category, label.name);
  event_.append(label.fields);
  Message exact;
  exact.number(annotation::NameIid, exactName_);
  exact.number(annotation::Uint, static_cast<uint64_t>(event.endPs - event.startPs));
  event_.message(track_event::Annotation, exact);
  putFlows(streams_[static_cast<size_t>(event.stream)]);
  // A transfer's increments happen at its movers; the ring's slice leads there by a flow of its own.
  TraceMark mark = put(event.startPs, startsFlows ? label.consumers : 1);
  end(trackOf(event.stream), event.endPs);
  return mark;
}

TraceMark PerfettoTrace::work(const TraceEvent &event) { return slice(event, kWork, true); }

TraceMark PerfettoTrace::control(const TraceEvent &event) { return slice(event, kControl, true); }

TraceMark PerfettoTrace::transfer(const TraceEvent &event, std::span<const TracePiece> pieces) {
  TraceMark issued = slice(event, kIssue, false), mark = 0;
  const Label &label = labelOf(event.stream, event.instruction);
  auto last = std::max_element(pieces.begin(), pieces.end(), [](const TracePiece &a, const TracePiece &b) { return a.endPs < b.endPs; });
  for (auto piece = pieces.begin(); piece != pieces.end(); ++piece) {
    begin(track_event::SliceBegin, trackOfMover(piece->mover), kTransfer, label.name);
    event_.append(label.fields);
    if (piece == last) {
      streams_[static_cast<size_t>(event.stream)].flows.push_back(issued);
      putFlows(streams_[static_cast<size_t>(event.stream)]);
    }
    TraceMark here = put(piece->startPs, piece == last ? label.consumers : 0);
    mark = piece == last ? here : mark;
    end(trackOfMover(piece->mover), piece->endPs);
  }
  return mark;
}

void PerfettoTrace::waited(isa::StreamId stream, uint32_t instruction, int64_t fromPs, int64_t toPs) {
  const Label &label = labelOf(stream, instruction);
  begin(track_event::SliceBegin, trackOf(stream), kWait, waitName_);
  event_.append(label.fields);
  put(fromPs);
  end(trackOf(stream), toPs);
}

void PerfettoTrace::access(const TraceAccess &access) { (access.memory == isa::Space::Sbuf ? sbuf_ : psum_).access(access); }

void PerfettoTrace::halted(isa::StreamId stream, uint32_t instruction, int64_t timePs) {
  StreamState &state = streams_[static_cast<size_t>(stream)];
  if (state.flows.empty())
    return;
  const Label &label = labelOf(stream, instruction);
  begin(track_event::Instant, trackOf(stream), kControl, label.name);
  event_.append(label.fields);
  putFlows(state);
  put(timePs);
}

void PerfettoTrace::samples(Occupancy &occupancy, uint64_t track) {
  auto sample = [&](int64_t time, int64_t bytes) {
    event_.clear();
    event_.number(track_event::Type, track_event::Counter);
    event_.number(track_event::TrackUuid, track);
    event_.number(track_event::CounterValue, static_cast<uint64_t>(bytes));
    put(time * 1000);
  };
  std::vector<Occupancy::Sample> all = occupancy.finish();
  if (all.empty() || all.front().first > 0)
    sample(0, 0);
  for (auto [time, bytes] : all)
    sample(time, bytes);
}

Status PerfettoTrace::finish(int64_t timePs) {
  samples(sbuf_, kSbuf);
  samples(psum_, kPsum);
  end(kProgramTrack, timePs);
  return file_.commit();
}

} // namespace manaslu::sim
