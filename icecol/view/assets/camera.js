// A camera that turns around a point: perspective, z upwards.

const FIELD = 0.55; // rad, half of it to each side of the shorter edge

class Camera {
  constructor(box) {
    this.whole(box);
  }

  // See all of a box from the side, a little from above.
  whole(box) {
    this.near(box);
    this.azimuth = -1.05;
    this.elevation = 0.22;
  }

  // See all of a box from where the camera is.
  near(box) {
    this.target = [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, (box.z0 + box.z1) / 2];
    const size = Math.hypot(box.x1 - box.x0, box.y1 - box.y0, box.z1 - box.z0);
    this.distance = (0.4 * Math.max(size, 150)) / Math.tan(FIELD / 2);
  }

  // Set the size of the canvas, and what follows from where the camera is.
  prepare(width, height) {
    this.cx = width / 2;
    this.cy = height / 2;
    this.focal = Math.min(width, height) / 2 / Math.tan(FIELD / 2);
    const [ca, sa] = [Math.cos(this.azimuth), Math.sin(this.azimuth)];
    const [ce, se] = [Math.cos(this.elevation), Math.sin(this.elevation)];
    this.right = [-sa, ca, 0];
    this.up = [-ca * se, -sa * se, ce];
    this.forward = [-ca * ce, -sa * ce, -se];
    this.eye = this.target.map((t, i) => t - this.distance * this.forward[i]);
  }

  // Return [x, y, depth] in pixels and m; a depth of 0 or less is behind the camera.
  project(x, y, z) {
    const dx = x - this.eye[0], dy = y - this.eye[1], dz = z - this.eye[2];
    const depth = dx * this.forward[0] + dy * this.forward[1] + dz * this.forward[2];
    const scale = this.focal / Math.max(depth, 1);
    return [
      this.cx + scale * (dx * this.right[0] + dy * this.right[1]),
      this.cy - scale * (dx * this.up[0] + dy * this.up[1] + dz * this.up[2]),
      depth,
    ];
  }

  turn(dx, dy) {
    this.azimuth -= dx * 0.006;
    this.elevation = Math.max(-1.57, Math.min(1.57, this.elevation + dy * 0.006));
  }

  move(dx, dy) {
    const scale = this.distance / this.focal;
    this.target = this.target.map((t, i) => t - scale * dx * this.right[i] + scale * dy * this.up[i]);
  }

  zoom(factor) {
    this.distance = Math.max(20, Math.min(20000, this.distance * factor));
  }
}
