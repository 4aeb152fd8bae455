"""Copies small cases into the tests: usage: python fixtures.py FOLDER [--only PART], which half_cases.py, keras_cases.py,
recurrent_cases.py, sequence_cases.py and torch_cases.py filled.

Only the batch of 3 goes along, so that all of it stays below one and a half megabytes.
"""

import pathlib
import shutil
import sys

TESTS = pathlib.Path(__file__).resolve().parents[2] / "crates/nn/tests/fixtures/onnx"
NAMES = """
half_cnn_kept
half_excited_torch18
half_gated_torch
half_gated_torch18
half_mlp_weights_external
half_normalised_whole
half_resnet8_blocked
half_resnet8_whole
half_scaled_torch
half_two_torch
keras_bgr_export
keras_conv1d_export
keras_dense3d_tf2onnx
keras_flatten_first_export
keras_mlp_tf2onnx_op9
keras_pads_tf2onnx_op9
keras_resnet8_export
keras_resnet8_nchw
keras_resnet8_tf2onnx_static
keras_squeeze_excite_export
keras_timed_tf2onnx
keras_upsampling_export
rnn_gru_after
rnn_gru_both
rnn_gru_reverse
rnn_lstm_coupled
rnn_lstm_functions
rnn_lstm_peepholes_clip
rnn_lstm_short
rnn_lstm_state
rnn_lstm_steps_first
rnn_rnn_functions
rnn_rnn_lens
seq_bert_mask_dynamo
seq_causal_dynamo
seq_conv_gru_script
seq_decoder_script
seq_ds_cnn_script
seq_einsum_dynamo
seq_encoder_steps_first_script
seq_filled_script
seq_gru_steps_first_script
seq_lstm_deep_script
seq_lstm_states_script
seq_m5_script
seq_mobile_script
seq_multihead_dynamo
seq_multihead_weights_script
seq_rms_norm_dynamo
seq_rnn_dynamo
seq_signal_decoder_script
seq_tokens_masked_script
seq_vit_script
seq_words_lstm_script
torch_act15_softplus_dynamo_static1
torch_audio_script
torch_dense_block_script_static3
torch_depthwise_dynamo
torch_groupnorm_dynamo
torch_lenet_script
torch_mixer_dynamo
torch_mlp_dynamo_op23
torch_mlp_external
torch_mlp_float16_raw
torch_mlp_bfloat16_typed
torch_pool01_script
torch_pool07_script
torch_resnet8a_dynamo
torch_resnet8a_script_static1
torch_resnet8a_script_unfolded
torch_se_pool_script
torch_shape_attention_dynamo
torch_shape_heads_first_script
torch_shape_padding_circular_dynamo
torch_shape_padding_reflect_script
torch_shape_pads_script_op11
torch_shape_tokens_merge_script
torch_shape_upsample_bilinear_script
torch_shape_upsample_nearest_script_op9
torch_shuffle_dynamo
torch_shuffle_script_op9
""".split()

ONLY = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
NAMES = [name for name in NAMES if name.startswith(ONLY)]
for name in NAMES:
    source, target = pathlib.Path(sys.argv[1]) / name, TESTS / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in source.iterdir():
        if not file.name.startswith(("b1.", "b17.", "reference", "written")):
            shutil.copy(file, target / file.name)
total = sum(f.stat().st_size for f in TESTS.rglob("*") if f.is_file())
print(f"{len(NAMES)} cases, {total / 1e6:.2f} MB in {TESTS}")
