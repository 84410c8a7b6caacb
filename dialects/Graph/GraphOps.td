// All operations of the graph dialect.

#ifndef MANASLU_GRAPH_OPS
#define MANASLU_GRAPH_OPS

include "dialects/Graph/GraphContractions.td"
include "dialects/Graph/GraphElementwise.td"
include "dialects/Graph/GraphNormalizations.td"
include "dialects/Graph/GraphShapes.td"

#endif
