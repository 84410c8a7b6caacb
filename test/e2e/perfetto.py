"""Reads Perfetto traces with Google's protobuf library and the few messages of Perfetto's schema that a timeline needs, written down here by hand."""
from collections import defaultdict
from dataclasses import dataclass, field

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.unknown_fields import UnknownFieldSet

BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4
# Message -> field name -> (number, type), * for a repeated field; a type with a capital is a message.
SCHEMA = {
    "Trace": {"packet": (1, "*TracePacket")},
    "TracePacket": {"timestamp": (8, "uint64"), "trusted_packet_sequence_id": (10, "uint32"), "track_event": (11, "TrackEvent"), "interned_data": (12, "InternedData"),
                    "sequence_flags": (13, "uint32"), "track_descriptor": (60, "TrackDescriptor")},
    "TrackEvent": {"category_iids": (3, "*uint64"), "debug_annotations": (4, "*DebugAnnotation"), "type": (9, "int32"), "name_iid": (10, "uint64"), "track_uuid": (11, "uint64"),
                   "counter_value": (30, "int64"), "source_location_iid": (34, "uint64"), "flow_ids": (47, "*fixed64"), "terminating_flow_ids": (48, "*fixed64")},
    "DebugAnnotation": {"name_iid": (1, "uint64"), "uint_value": (3, "uint64"), "string_value_iid": (17, "uint64")},
    "InternedData": {"event_categories": (1, "*Interned"), "event_names": (2, "*Interned"), "debug_annotation_names": (3, "*Interned"),
                     "source_locations": (4, "*SourceLocation"), "debug_annotation_string_values": (29, "*Interned")},
    "Interned": {"iid": (1, "uint64"), "text": (2, "bytes")},
    "SourceLocation": {"iid": (1, "uint64"), "file_name": (2, "string"), "function_name": (3, "string"), "line_number": (4, "uint32")},
    "TrackDescriptor": {"uuid": (1, "uint64"), "name": (2, "string"), "process": (3, "ProcessDescriptor"), "parent_uuid": (5, "uint64"), "counter": (8, "CounterDescriptor"),
                        "child_ordering": (11, "int32"), "sibling_order_rank": (12, "int32")},
    "ProcessDescriptor": {"pid": (1, "int32"), "process_name": (6, "string")},
    "CounterDescriptor": {"unit": (3, "int32")},
}


def trace_class():
    """The message class of a whole trace."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="timeline.proto", package="timeline", syntax="proto2")
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for key, (number, kind) in fields.items():
            entry = message.field.add(name=key, number=number, label=kinds.LABEL_REPEATED if kind.startswith("*") else kinds.LABEL_OPTIONAL)
            kind = kind.lstrip("*")
            if kind[0].isupper():
                entry.type, entry.type_name = kinds.TYPE_MESSAGE, f".timeline.{kind}"
            else:
                entry.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("timeline.Trace"))


@dataclass
class Slice:
    """A slice or an instant (`end` == `begin`) with what was said about it."""
    track: str
    name: str
    category: str
    begin: int
    end: int = -1
    notes: dict = field(default_factory=dict)
    source: tuple = ()
    flows_out: list = field(default_factory=list)
    flows_in: list = field(default_factory=list)


class Timeline:
    """A decoded trace. Reading it checks what every trace must keep: names are known before they are used, tracks are described once, times of a track do not go back,
    every begin has its end."""

    def __init__(self, path):
        trace = trace_class()()
        with open(path, "rb") as file:
            trace.ParseFromString(file.read())
        self.tracks, self.parents, self.process = {}, {}, None
        self.slices, self.counters = [], defaultdict(list)
        self.names = defaultdict(dict)
        self.open, self.latest = defaultdict(list), defaultdict(int)
        for index, packet in enumerate(trace.packet):
            assert packet.trusted_packet_sequence_id == 1
            assert packet.sequence_flags & 1 == (index == 0), "the state of the sequence is cleared once, at the start"
            self.no_unknown(packet)
            if packet.HasField("track_descriptor"):
                self.describe(packet.track_descriptor)
            if packet.HasField("interned_data"):
                self.learn(packet.interned_data)
            if packet.HasField("track_event"):
                self.event(packet.timestamp, packet.track_event)
        assert not [left for left in self.open.values() if left], "every begin has an end"

    @staticmethod
    def no_unknown(message, allowed=()):
        """Every field is one of the schema's; in events the place of a flow that did not happen is none of them."""
        assert all(field.field_number in allowed for field in UnknownFieldSet(message))

    def describe(self, track):
        self.no_unknown(track)
        assert track.uuid and track.uuid not in self.tracks, "a track is described once"
        assert not track.parent_uuid or track.parent_uuid in self.tracks
        self.tracks[track.uuid] = track.process.process_name or track.name
        self.parents[self.tracks[track.uuid]] = self.tracks.get(track.parent_uuid)
        if track.HasField("process"):
            self.process = track.process.process_name

    def learn(self, data):
        self.no_unknown(data)
        for table, entries in ((key, getattr(data, key)) for key in SCHEMA["InternedData"]):
            for entry in entries:
                assert entry.iid and entry.iid not in self.names[table]
                self.names[table][entry.iid] = (entry.file_name, entry.line_number) if table == "source_locations" else entry.text.decode()

    def event(self, time, event):
        self.no_unknown(event, allowed=(999,))
        track = self.tracks[event.track_uuid]
        if event.type == COUNTER:
            assert not self.counters[track] or self.counters[track][-1][0] <= time
            self.counters[track].append((time, event.counter_value))
            return
        assert time >= self.latest[track], f"time goes back on {track}"
        self.latest[track] = time
        if event.type == END:
            self.open[track].pop().end = time
            return
        assert event.type in (BEGIN, INSTANT)
        slice = Slice(track, self.names["event_names"][event.name_iid], self.names["event_categories"][event.category_iids[0]], time)
        for note in event.debug_annotations:
            value = self.names["debug_annotation_string_values"][note.string_value_iid] if note.HasField("string_value_iid") else note.uint_value
            slice.notes[self.names["debug_annotation_names"][note.name_iid]] = value
        if event.HasField("source_location_iid"):
            slice.source = self.names["source_locations"][event.source_location_iid]
        slice.flows_out, slice.flows_in = list(event.flow_ids), list(event.terminating_flow_ids)
        self.slices.append(slice)
        if event.type == BEGIN:
            self.open[track].append(slice)
        else:
            slice.end = time

    def on(self, track, category=None):
        """Slices of a track."""
        return [slice for slice in self.slices if slice.track == track and category in (None, slice.category)]

    def flows(self):
        """Pairs of slices; checks that each flow has both ends, once, and does not lead back in time."""
        begins, ends = {}, {}
        for slice in self.slices:
            for number in slice.flows_out:
                assert number not in begins
                begins[number] = slice
            for number in slice.flows_in:
                assert number not in ends
                ends[number] = slice
        assert begins.keys() == ends.keys()
        pairs = [(begins[number], ends[number]) for number in sorted(begins)]
        assert all(source.begin <= target.begin for source, target in pairs)
        return pairs
