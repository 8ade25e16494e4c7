package io.gpurunner.gpu;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;

/**
 * The first CUDA device, through the driver API of {@code libcuda.so.1}. Names, types and numbers
 * are those of NVIDIA's published {@code cuda.h}. Not thread-safe: a CUDA context belongs to a
 * thread.
 */
final class LookCuda {
  static final int SUCCESS = 0;

  private static final int MULTIPROCESSOR_COUNT = 16; // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
  private static final int JIT_ERROR_LOG_BUFFER = 5;
  private static final int JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6;
  private static final int LOG_BYTES = 8192;
  private static final int BLOCKS_A_MULTIPROCESSOR = 8;
  private static final int THREADS_A_BLOCK = 256;
  private static final int FIRST_LOOPS = 1 << 16;

  /** The time of one launch of the busy kernel, so that no kernel runs on when its program ends. */
  private static final double LAUNCH_SECONDS = 0.1;

  /**
   * Two kernels, which the driver compiles for its GPU. The first computes for a number of loops
   * and writes its result, because the compiler would leave out what nobody reads. The second
   * writes to an address.
   */
  private static final String PTX =
      """
      .version 6.0
      .target sm_50
      .address_size 64

      .visible .entry spin(
        .param .u64 spin_out,
        .param .u32 spin_loops,
        .param .f32 spin_factor
      )
      {
        .reg .pred %again;
        .reg .f32 %x, %factor;
        .reg .u32 %i, %loops;
        .reg .u64 %out;
        ld.param.u64 %out, [spin_out];
        ld.param.u32 %loops, [spin_loops];
        ld.param.f32 %factor, [spin_factor];
        cvta.to.global.u64 %out, %out;
        mov.f32 %x, 0f3F800000;
        mov.u32 %i, 0;
      LOOP:
        fma.rn.f32 %x, %x, %factor, %factor;
        add.u32 %i, %i, 1;
        setp.lt.u32 %again, %i, %loops;
        @%again bra LOOP;
        st.global.f32 [%out], %x;
        ret;
      }

      .visible .entry store(
        .param .u64 store_address
      )
      {
        .reg .u32 %v;
        .reg .u64 %address;
        ld.param.u64 %address, [store_address];
        mov.u32 %v, 1;
        st.global.u32 [%address], %v;
        ret;
      }
      """;

  private final NativeLibrary library;
  private final int device;
  private final Memory image;
  private Pointer module = Pointer.NULL;
  private int loops = FIRST_LOOPS;

  /**
   * Loads the library and finds the device. It creates no context.
   *
   * @throws UnsatisfiedLinkError if there is no such library
   */
  LookCuda(String name) {
    this.library = NativeLibrary.getInstance(name);
    byte[] text = PTX.getBytes(StandardCharsets.US_ASCII);
    this.image = new Memory(text.length + 1);
    image.clear();
    image.write(0, text, 0, text.length);
    must("cuInit", 0);
    IntByReference found = new IntByReference();
    must("cuDeviceGet", found, 0);
    this.device = found.getValue();
  }

  int call(String function, Object... arguments) {
    return library.getFunction(function).invokeInt(arguments);
  }

  void must(String function, Object... arguments) {
    int code = call(function, arguments);
    if (code != SUCCESS) {
      throw new IllegalStateException(function + " failed: " + words(code));
    }
  }

  /** Returns a {@code CUresult} with its name, {@code 700 CUDA_ERROR_ILLEGAL_ADDRESS}. */
  String words(int code) {
    PointerByReference name = new PointerByReference();
    return call("cuGetErrorName", code, name) == SUCCESS
        ? code + " " + name.getValue().getString(0)
        : String.valueOf(code);
  }

  /** Returns the device's address on the PCI bus as the kernel writes it. */
  String busId() {
    byte[] text = new byte[32];
    must("cuDeviceGetPCIBusId", text, text.length, device);
    return PciBus.address(Native.toString(text, "US-ASCII"));
  }

  String name() {
    byte[] text = new byte[96];
    must("cuDeviceGetName", text, text.length, device);
    return Native.toString(text, "UTF-8");
  }

  /** Returns the newest version of CUDA that the driver knows: 12040 for 12.4. */
  int driverVersion() {
    IntByReference version = new IntByReference();
    must("cuDriverGetVersion", version);
    return version.getValue();
  }

  int multiprocessors() {
    IntByReference count = new IntByReference();
    must("cuDeviceGetAttribute", count, MULTIPROCESSOR_COUNT, device);
    return count.getValue();
  }

  void createContext() {
    PointerByReference context = new PointerByReference();
    must("cuDevicePrimaryCtxRetain", context, device);
    must("cuCtxSetCurrent", context.getValue());
  }

  long allocate(long bytes) {
    LongByReference address = new LongByReference();
    must("cuMemAlloc_v2", address, bytes);
    return address.getValue();
  }

  /** Lets the driver compile the kernels, unless it has. */
  void load() {
    if (module != null) {
      return;
    }
    Memory log = new Memory(LOG_BYTES);
    log.clear();
    Memory options = new Memory(8);
    options.setInt(0, JIT_ERROR_LOG_BUFFER);
    options.setInt(4, JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
    Memory values = new Memory(16);
    values.setPointer(0, log);
    values.setLong(8, LOG_BYTES); // the number itself takes the place of a pointer
    PointerByReference loaded = new PointerByReference();
    int code = call("cuModuleLoadDataEx", loaded, image, 2, options, values);
    if (code != SUCCESS) {
      throw new IllegalStateException(
          "cuModuleLoadDataEx failed: " + words(code) + ": " + log.getString(0).strip());
    }
    module = loaded.getValue();
  }

  private Pointer kernel(String name) {
    PointerByReference kernel = new PointerByReference();
    must("cuModuleGetFunction", kernel, module, name);
    return kernel.getValue();
  }

  /**
   * Keeps the device busy.
   *
   * @return the number of launches
   */
  int spin(long milliseconds) {
    load();
    Memory out = new Memory(8);
    out.setLong(0, allocate(256));
    Memory count = new Memory(4);
    Memory factor = new Memory(4);
    factor.setFloat(0, 0.999f);
    Memory parameters = pointers(out, count, factor);
    Pointer kernel = kernel("spin");
    int blocks = multiprocessors() * BLOCKS_A_MULTIPROCESSOR;
    long end = System.nanoTime() + milliseconds * 1_000_000;
    int launches = 0;
    while (System.nanoTime() < end) {
      count.setInt(0, loops);
      long began = System.nanoTime();
      must("cuLaunchKernel", launch(kernel, blocks, THREADS_A_BLOCK, parameters));
      must("cuCtxSynchronize");
      launches++;
      double seconds = (System.nanoTime() - began) / 1e9;
      // At most four times as long, because the first launch may show little.
      double next = loops * Math.min(4, LAUNCH_SECONDS / seconds);
      loops = (int) Math.clamp(next, FIRST_LOOPS, Integer.MAX_VALUE);
    }
    return launches;
  }

  /**
   * Writes to an address of the device.
   *
   * @return the {@code CUresult} after the kernel has ended
   */
  int store(long target) {
    load();
    Memory address = new Memory(8);
    address.setLong(0, target);
    must("cuLaunchKernel", launch(kernel("store"), 1, 1, pointers(address)));
    return call("cuCtxSynchronize");
  }

  private static Memory pointers(Memory... values) {
    Memory pointers = new Memory(8L * values.length);
    for (int index = 0; index < values.length; index++) {
      pointers.setPointer(8L * index, values[index]);
    }
    return pointers;
  }

  private static Object[] launch(Pointer kernel, int blocks, int threads, Memory parameters) {
    return new Object[] {
      kernel, blocks, 1, 1, threads, 1, 1, 0, Pointer.NULL, parameters, Pointer.NULL
    };
  }
}
