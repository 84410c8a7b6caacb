"""Front ends: each turns a model of a framework into graph-dialect text and a safetensors file of its weights."""
