module attributes {manaslu.measures = "{\22precision\22:{},\22bound\22:{\22bound_ns\22:1.0588235294117647,\22bound_by\22:\22memory\22,\22pe_ns\22:0.0,\22se_ns\22:0.0,\22memory_ns\22:1.0588235294117647},\22compulsory_bytes\22:288,\22index_limits\22:{}}"} {
  func.func @main(%arg0: tensor<2x3x4xf32> {graph.name = "arguments_0"}, %arg1: tensor<2x3x4xf32> {graph.name = "arguments_1"}) -> (tensor<2x3x4xf32> {graph.name = "slice_scatter"}) {
    %extracted_slice = tensor.extract_slice %arg1[0, 1, 0] [2, 2, 4] [1, 1, 1] : tensor<2x3x4xf32> to tensor<2x2x4xf32>
    %extracted_slice_0 = tensor.extract_slice %extracted_slice[0, 0, 0] [2, 2, 1] [1, 1, 1] : tensor<2x2x4xf32> to tensor<2x2x1xf32>
    %extracted_slice_1 = tensor.extract_slice %arg0[0, 1, 0] [2, 2, 4] [1, 1, 1] : tensor<2x3x4xf32> to tensor<2x2x4xf32>
    %extracted_slice_2 = tensor.extract_slice %extracted_slice_1[0, 0, 1] [2, 2, 3] [1, 1, 1] : tensor<2x2x4xf32> to tensor<2x2x3xf32>
    %concat = tensor.concat dim(2) %extracted_slice_0, %extracted_slice_2 : (tensor<2x2x1xf32>, tensor<2x2x3xf32>) -> tensor<2x2x4xf32>
    %extracted_slice_3 = tensor.extract_slice %arg0[0, 0, 0] [2, 1, 4] [1, 1, 1] : tensor<2x3x4xf32> to tensor<2x1x4xf32>
    %concat_4 = tensor.concat dim(1) %extracted_slice_3, %concat : (tensor<2x1x4xf32>, tensor<2x2x4xf32>) -> tensor<2x3x4xf32>
    return %concat_4 : tensor<2x3x4xf32>
  }
}

{-#
  external_resources: {
    mlir_reproducer: {
      pipeline: "builtin.module(convert-linalg-to-tile)",
      disable_threading: false,
      verify_each: false
    }
  }
#-}
