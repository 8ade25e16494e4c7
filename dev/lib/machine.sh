# shellcheck shell=bash
# shellcheck disable=SC2154 # work is set where this is sourced
# A virtual machine with Debian's kernel, systemd and a JRE, for what this machine's kernel or its own systemd cannot show.
# Sourced by scripts that have set $work, a directory of their own, and have a function die. The processor is emulated, because
# KVM inside a virtual machine was seen to fail. So it is slower, but runs everywhere.

readonly MACHINE_SUITE=trixie MACHINE_MAKE_LIMIT=20m MACHINE_RUN_LIMIT=20m
readonly MACHINE_PACKAGES=linux-image-cloud-amd64,initramfs-tools,openjdk-25-jre-headless,quota,e2fsprogs,kmod,systemd-sysv,dbus
PATH=$PATH:/usr/sbin:/sbin

# Makes a root file system in $work/root. It is kept in target/, so that the next time takes seconds.
machine_root() {
  local cache=$PWD/target/machine-root.tar
  [[ $(uname -m) == x86_64 ]] || die "this works on x86_64 only; this machine is $(uname -m)"
  mkdir -p target
  if [[ -e $cache ]]; then
    mkdir "$work/root"
    tar -C "$work/root" --numeric-owner -xf "$cache"
    return
  fi
  echo "Making a root file system with Debian $MACHINE_SUITE's kernel, systemd and a JRE (minutes, once) ..."
  timeout --foreground "$MACHINE_MAKE_LIMIT" debootstrap --variant=minbase "--include=$MACHINE_PACKAGES" "$MACHINE_SUITE" "$work/root" \
    >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; die "debootstrap failed (its last lines are above)"; }
  rm -rf "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists"
  tar -C "$work/root" --numeric-owner --one-file-system -cf "$cache.part" .
  mv "$cache.part" "$cache"
}

# Boots $work/root until it is switched off, and shows its console, which is kept in $work/console.
#   $1: the first process; $2...: more arguments of qemu
machine_run() {
  local init=$1
  shift
  truncate -s 4G "$work/root.img"
  mkfs.ext4 -q -d "$work/root" "$work/root.img"
  timeout --foreground "$MACHINE_RUN_LIMIT" qemu-system-x86_64 -accel tcg -m 2048 -smp 2 -nographic -no-reboot -nic none \
    -kernel "$work"/root/boot/vmlinuz-* -initrd "$work"/root/boot/initrd.img-* \
    -append "root=/dev/vda rw console=ttyS0 init=$init panic=1 quiet" \
    -drive "file=$work/root.img,format=raw,if=virtio" "$@" \
    </dev/null | tee "$work/console" || die "the virtual machine did not end within $MACHINE_RUN_LIMIT"
}
