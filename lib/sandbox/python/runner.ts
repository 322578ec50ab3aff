/**
 * The Python program that a function's process runs: it locks itself in, loads `app.py` and answers calls. As text, because it is handed to
 * `python3 -c`: no file of ours has to be visible inside. Only the standard library is used.
 *
 * The order is the security: first the outside is taken away (a new root, mounts, capabilities, resource limits, system calls), only
 * then a byte of the function runs. What the function does to this program afterwards it does to its own session.
 *
 * | step | what it stops |
 * |---|---|
 * | new root (`unshare`; `bwrap` brings its own) | reading or writing the machine's files |
 * | scratch file system with a size and a number of files | filling the machine's memory or disk |
 * | no capabilities, `no_new_privs` | undoing the above |
 * | resource limits (setrlimit(2)) | memory, CPU time, processes, file sizes |
 * | filter of system calls (seccomp(2)) | sockets, new processes, programs, signals to others, memory outside of the limits |
 *
 * Frames, all lengths unsigned 32-bit big-endian. To the process: first the package (number of files; for each: length and bytes of its
 * path, length and bytes), then inputs (length, bytes). From it, once after loading and once for each input: one byte of status
 * (see `frames.ts`), length of the log, length of the output, log, output.
 */

/** What the program is told, as JSON in its one argument. */
export interface RunnerSettings {
  readonly isolation: "bwrap" | "unshare" | "limits";
  /** `unshare`: an empty place for the new root, and what is bound into it read-only. */
  readonly rootAt: string;
  readonly readOnlyPaths: readonly string[];
  /** The folder that is the function's own; made where a new root is made. */
  readonly folder: string;
  /** Bytes and files of that folder, the package included. */
  readonly folderBytes: number;
  readonly folderFiles: number;
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  readonly fileBytes: number;
  readonly openFiles: number;
  readonly threads: number;
  readonly outputBytes: number;
  readonly logBytes: number;
  readonly errorCharacters: number;
}

/** The program. */
export const RUNNER = String.raw`
import builtins, ctypes, errno, io, json, os, resource, struct, sys, types

settings = json.loads(sys.argv[1])
isolation = settings["isolation"]
libc = ctypes.CDLL(None, use_errno=True)

# The pipes to the host move away from 0 and 1, where the function's own reading and printing would meet them.
commands = os.fdopen(os.dup(0), "rb")
answers = os.dup(1)
null = os.open("/dev/null", os.O_RDWR)
os.dup2(null, 0)
os.dup2(2, 1)
os.close(null)


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), "%s: %s" % (what, os.strerror(ctypes.get_errno())))


MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18


def mount(source, target, kind, flags, data=None):
    to_bytes = lambda text: None if text is None else text.encode()
    check(libc.mount(to_bytes(source), to_bytes(target), to_bytes(kind), ctypes.c_ulong(flags), to_bytes(data)),
          "mount " + target)


def enter_new_root():
    at = settings["rootAt"]
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,nr_inodes=512,mode=755")
    for path in settings["readOnlyPaths"]:
        inside = at + path
        if os.path.isdir(path):
            os.makedirs(inside, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            os.close(os.open(inside, os.O_CREAT | os.O_WRONLY, 0o644))
        mount(path, inside, None, MS_BIND)
        # Flags that the place already has cannot be taken away inside a user namespace, so they are repeated.
        kept = os.statvfs(path).f_flag & (MS_NOSUID | MS_NODEV | 8 | 1024 | 2048)
        device = path.startswith("/dev/")
        mount(None, inside, None, MS_BIND | MS_REMOUNT | MS_RDONLY | kept | (0 if device else MS_NODEV) | MS_NOSUID)
    for path in (settings["folder"], "/old"):
        os.makedirs(at + path)
    mount_folder(at + settings["folder"])
    os.chdir(at)
    check(libc.pivot_root(b".", b"old"), "pivot_root")
    os.chdir("/")
    check(libc.umount2(b"/old", 2), "umount2 /old")
    os.rmdir("/old")
    mount(None, "/", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def mount_folder(at):
    data = "size=%d,nr_inodes=%d,mode=700" % (settings["folderBytes"], settings["folderFiles"])
    mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, data)


def drop_capabilities():
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)
    header = struct.pack("=Ii", 0x20080522, 0)
    check(libc.capset(header, bytes(24)), "capset")


def limit_resources(filtered):
    def limit(what, value):
        hard = resource.getrlimit(what)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_CPU, settings["cpuSeconds"])
    limit(resource.RLIMIT_FSIZE, settings["fileBytes"])
    limit(resource.RLIMIT_NOFILE, settings["openFiles"])
    # Processes count for the user of a namespace; without one they count for everything that the user runs.
    if not filtered:
        limit(resource.RLIMIT_NPROC, 0)
    elif isolation != "limits":
        limit(resource.RLIMIT_NPROC, settings["threads"])
    if hasattr(resource, "RLIMIT_MSGQUEUE"):
        limit(resource.RLIMIT_MSGQUEUE, 0)
    try:
        limit(resource.RLIMIT_AS, settings["memoryBytes"])
    except (ValueError, OSError):
        if isolation != "limits":
            raise


# Numbers of refused system calls on x86-64 and AArch64 (None: not there).
REFUSED = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "socket": (41, 198),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180),
}
CLONE, CLONE3, TGKILL, PRLIMIT64 = (56, 220), (435, 435), (234, 131), (302, 261)
CLONE_THREAD = 0x10000


def filter_system_calls():
    """Whether the filter is in force; False where this machine has none."""
    machines = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
    if sys.platform != "linux" or os.uname().machine not in machines or sys.maxsize < 2**32:
        return False
    column, audit = machines[os.uname().machine]
    allow, refuse, missing = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
    load, equal, greater, has_bits, give = 0x20, 0x15, 0x35, 0x45, 0x06
    program = [(load, 0, 0, 4), (equal, 1, 0, audit), (give, 0, 0, 0x80000000), (load, 0, 0, 0)]
    if column == 0:
        program += [(greater, 0, 1, 0x40000000), (give, 0, 0, missing)]
    for numbers in REFUSED.values():
        if numbers[column] is not None:
            program += [(equal, 0, 1, numbers[column]), (give, 0, 0, refuse)]
    program += [(equal, 0, 1, CLONE3[column]), (give, 0, 0, missing)]
    # The first argument decides: new threads but no processes, signals and limits of this process only.
    for number, test, value in (
        (CLONE[column], has_bits, CLONE_THREAD), (TGKILL[column], equal, os.getpid()), (PRLIMIT64[column], equal, 0),
    ):
        program += [(equal, 0, 4, number), (load, 0, 0, 16), (test, 0, 1, value), (give, 0, 0, allow), (give, 0, 0, refuse)]
    program.append((give, 0, 0, allow))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
    whole = Program(len(program), ctypes.addressof(code))
    return libc.prctl(22, 2, ctypes.byref(whole), 0, 0) == 0


def read(length):
    data = commands.read(length)
    if len(data) != length:
        os._exit(0)
    return data


def read_number():
    return struct.unpack(">I", read(4))[0]


def write_package():
    for _ in range(read_number()):
        path = read(read_number()).decode()
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        left = read_number()
        with open(path, "wb") as file:
            while left > 0:
                data = read(min(left, 1 << 20))
                file.write(data)
                left -= len(data)


class Log(io.TextIOBase):
    """What the function prints, up to so many bytes for each call."""
    text, left = b"", settings["logBytes"]

    def writable(self):
        return True

    def write(self, text):
        data = str(text).encode("utf-8", "replace")
        if self.left > 0:
            self.text += data[:self.left]
            if len(data) > self.left:
                self.text += b"\n(the rest of the log is left out)\n"
            self.left -= len(data)
        return len(text)

    def take(self):
        text, self.text, self.left = self.text, b"", settings["logBytes"]
        return text


log = Log()


class Reply:
    """The key to which the answer of this call is to be sealed; the host seals."""
    key = b""

    def to(self, public_key):
        if not isinstance(public_key, (bytes, bytearray, memoryview)):
            raise TypeError("Cannot reply: bytes are wanted as the key")
        key = bytes(public_key)
        if len(key) != 32:
            raise ValueError("Cannot reply: the key has %d bytes; 32 are wanted" % len(key))
        self.key = key

    def take(self):
        key, self.key = self.key, b""
        return key


reply = Reply()
builtins.enclave = types.SimpleNamespace(reply_to=reply.to)


def answer(status, output=b""):
    text = log.take()
    data = struct.pack(">BII", status, len(text), len(output)) + text + output
    while data:
        data = data[os.write(answers, data):]


def refuse(status, thrown):
    if isinstance(thrown, MemoryError):
        return answer(3)
    if isinstance(thrown, RecursionError):
        return answer(4)
    try:
        text = str(thrown)
    except BaseException:
        text = "an error without words"
    name = type(thrown).__name__
    if name != "Exception":
        text = name + ": " + text if text else name
    place = thrown.__traceback__
    where = None
    while place is not None:
        path = place.tb_frame.f_code.co_filename
        if path.startswith(folder):
            where = "%s:%d" % (path[len(folder):], place.tb_lineno)
        place = place.tb_next
    text = text[:settings["errorCharacters"]]
    if isinstance(thrown, SyntaxError) and thrown.filename and str(thrown.filename).startswith(folder):
        where = None
    answer(status, (text + (" (%s)" % where if where else "")).encode("utf-8", "replace"))


folder = settings["folder"] + "/"
try:
    # Ends with the host, also when that is killed; the other ways see to it from outside.
    if isolation == "limits" and sys.platform == "linux":
        check(libc.prctl(1, 9, 0, 0, 0), "pdeathsig")
    # Away from the host's terminal, into which a program could type.
    if isolation != "bwrap":
        os.setsid()
    if isolation == "unshare":
        enter_new_root()
    elif isolation == "bwrap":
        mount_folder(settings["folder"])
    os.umask(0o077)
    os.chdir(settings["folder"])
    write_package()
    if isolation != "limits":
        drop_capabilities()
    if sys.platform == "linux":
        check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    filtered = filter_system_calls()
    limit_resources(filtered)
except BaseException as thrown:
    answer(6, ("%s: %s" % (type(thrown).__name__, thrown)).encode())
    os._exit(0)

del settings["isolation"], settings["rootAt"], settings["readOnlyPaths"]
sys.argv = ["app.py"]
sys.dont_write_bytecode = True
sys.path.insert(0, settings["folder"])
sys.stdin, sys.stdout, sys.stderr = None, log, log
try:
    import app
    handler = getattr(app, "cape_handler", None)
    if not callable(handler):
        raise Exception("app.py defines no function cape_handler")
except BaseException as thrown:
    refuse(1, thrown)
    os._exit(0)
answer(0, b"filtered" if filtered else b"unfiltered")

while True:
    argument = read(read_number())
    reply.take()
    try:
        output = handler(argument)
        if output is None:
            output = b""
        elif isinstance(output, str):
            output = output.encode("utf-8")
        elif isinstance(output, (bytes, bytearray, memoryview)):
            output = bytes(output)
        else:
            raise Exception("cape_handler returned a value of type %s; bytes or str is wanted" % type(output).__name__)
    except BaseException as thrown:
        refuse(2, thrown)
        os._exit(0)
    if len(output) > settings["outputBytes"]:
        answer(5)
        os._exit(0)
    key = reply.take()
    answer(7 if key else 0, key + output)
`;
