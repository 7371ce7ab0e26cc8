# SPDX-License-Identifier: GPL-3.0-or-later
"""Knowledge about shapes, beside what a network says: many things are balls, boxes, or turned on a lathe.

The network sees one side. Where the photo's outline, the predicted normals and depths all agree with such a shape, its
hidden side is known, and the shape takes the prediction's place. What the shape does not explain, such as a cup's
handle, stays the network's.

``evidence`` is what the fits look at, ``primitive`` what a fit is, ``ball`` and its neighbours the fits, ``choose`` the
choice among them, and ``prior_field`` the field of the chosen one. The chosen shape's numbers are kept with the code
(``Code.prior``), so that the field stays a function of the code alone.

All of it works in the *view frame* of the code's camera: x right, y up, z towards the camera, which is at (0, 0, f), f
being the focal length; the unit is half the window's side, in the plane through the object frame's origin.
"""
